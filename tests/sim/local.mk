# tests/sim
noinst_PROGRAMS += tests/sim/sim-ctl
tests_sim_sim_ctl_SOURCES = tests/sim/sim-ctl.c
tests_sim_sim_ctl_LDADD = $(HV_LIBS) $(BASE_LIBS)
