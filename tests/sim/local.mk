# tests/sim
noinst_PROGRAMS += tests/sim/sim-ctl
tests_sim_sim_ctl_SOURCES = tests/sim/sim-ctl.c
tests_sim_sim_ctl_LDADD = $(HV_LIBS) $(BASE_LIBS)

# policyd and resourced, the real daemons, on a simulated host.
check_PROGRAMS += tests/sim/test_policyd
TESTS += tests/sim/test_policyd
tests_sim_test_policyd_SOURCES = \
	tests/sim/test_policyd.c \
	tests/sim/test_policyd_bed.c \
	tests/sim/test_policyd_bed.h \
	tests/sim/test_policyd_failures.c \
	tests/sim/test_policyd_isolation.c \
	tests/sim/test_policyd_requests.c \
	tests/sim/test_policyd_streams.c
tests_sim_test_policyd_LDADD = $(WIRE_LIBS) $(BASE_LIBS)
dist_check_SCRIPTS += tests/sim/test_sim_ctl.sh
TESTS += tests/sim/test_sim_ctl.sh

# resourced, the real daemon on a simulated host.
if HAVE_CUNIT
RD_SOURCES = tests/sim/rd.c tests/sim/rd.h
RD_LIBS = libvdc/wire/libwire.a $(HV_LIBS) $(BASE_LIBS) $(SQLITE_LIBS) \
	$(CUNIT_LIBS)
RD_TESTS = tests/sim/test_resourced tests/sim/test_resourced_guests
check_PROGRAMS += $(RD_TESTS)
TESTS += $(RD_TESTS)
tests_sim_test_resourced_SOURCES = tests/sim/test_resourced.c $(RD_SOURCES)
tests_sim_test_resourced_LDADD = $(RD_LIBS)
tests_sim_test_resourced_guests_SOURCES = \
	tests/sim/test_resourced_guests.c $(RD_SOURCES)
tests_sim_test_resourced_guests_LDADD = $(RD_LIBS)
endif
