# channeld, the real daemon in both its roles, on a simulated host.
CHANNEL_BED = tests/sim/channel_bed.c tests/sim/channel_bed.h \
	tests/sim/channel_program.c $(SIM_PROCESS)
CHANNEL_TESTS = tests/sim/test_channeld tests/sim/test_channeld_restart \
	tests/sim/test_channeld_random tests/sim/test_channeld_claims \
	tests/sim/test_channeld_users tests/sim/test_channeld_guest
check_PROGRAMS += $(CHANNEL_TESTS) tests/sim/hostile_guest
TESTS += $(CHANNEL_TESTS)
CHANNEL_LIBS = libvdc/chan/libchan.a $(WIRE_LIBS) $(HV_LIBS) $(BASE_LIBS)
tests_sim_test_channeld_SOURCES = tests/sim/test_channeld.c $(CHANNEL_BED)
tests_sim_test_channeld_LDADD = $(CHANNEL_LIBS)
tests_sim_test_channeld_restart_SOURCES = \
	tests/sim/test_channeld_restart.c $(CHANNEL_BED)
tests_sim_test_channeld_restart_LDADD = $(CHANNEL_LIBS)
tests_sim_test_channeld_claims_SOURCES = \
	tests/sim/test_channeld_claims.c $(CHANNEL_BED)
tests_sim_test_channeld_claims_LDADD = $(CHANNEL_LIBS)
tests_sim_test_channeld_random_SOURCES = \
	tests/sim/test_channeld_random.c $(CHANNEL_BED)
tests_sim_test_channeld_random_LDADD = $(CHANNEL_LIBS)
tests_sim_test_channeld_users_SOURCES = \
	tests/sim/test_channeld_users.c $(CHANNEL_BED)
tests_sim_test_channeld_users_LDADD = $(CHANNEL_LIBS)
tests_sim_test_channeld_guest_SOURCES = \
	tests/sim/test_channeld_guest.c $(CHANNEL_BED)
tests_sim_test_channeld_guest_LDADD = $(CHANNEL_LIBS)
tests_sim_hostile_guest_SOURCES = tests/sim/hostile_guest.c
tests_sim_hostile_guest_LDADD = $(CHANNEL_LIBS)
EXTRA_DIST += tests/sim/long/channels.sh
