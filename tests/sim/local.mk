# tests/sim
SIM_PROCESS = tests/sim/process.c tests/sim/process.h
noinst_PROGRAMS += tests/sim/sim-ctl
tests_sim_sim_ctl_SOURCES = tests/sim/sim-ctl.c
tests_sim_sim_ctl_LDADD = $(HV_LIBS) $(BASE_LIBS)
noinst_PROGRAMS += tests/sim/fence-fake
tests_sim_fence_fake_SOURCES = tests/sim/fence-fake.c
tests_sim_fence_fake_LDADD = libvdc/chan/libchan.a libvdc/wire/libwire.a $(BASE_LIBS) \
	$(TLS_LIBS)
noinst_PROGRAMS += tests/sim/dc-say
tests_sim_dc_say_SOURCES = tests/sim/dc-say.c
tests_sim_dc_say_LDADD = libvdc/wire/libwire.a $(BASE_LIBS) $(TLS_LIBS)
noinst_PROGRAMS += tests/sim/other_version
tests_sim_other_version_SOURCES = tests/sim/other_version.c
tests_sim_other_version_LDADD = libvdc/wire/libwire.a $(BASE_LIBS)
EXTRA_DIST += tests/sim/clock_shift.c
# watchdogd, several real daemons, each on a simulated host of its own.
noinst_PROGRAMS += tests/sim/fence-say
tests_sim_fence_say_SOURCES = tests/sim/fence-say.c
tests_sim_fence_say_LDADD = libvdc/wire/libwire.a $(BASE_LIBS) $(TLS_LIBS)
dist_check_SCRIPTS += tests/sim/test-watchdogd.sh tests/sim/relay.py
TESTS += tests/sim/test-watchdogd.sh

# resourced, the real daemon on a simulated host.
if HAVE_CUNIT
RD_SOURCES = tests/sim/rd.c tests/sim/rd.h $(SIM_PROCESS)
RD_LIBS = libvdc/wire/libwire.a $(HV_LIBS) $(BASE_LIBS) $(SQLITE_LIBS) \
	$(CUNIT_LIBS)
RD_TESTS = tests/sim/test_resourced_crash \
	tests/sim/test_resourced_migrate_crash \
	tests/sim/test_resourced_migrate_stop \
	tests/sim/test_resourced_migrate tests/sim/test_resourced_random \
	tests/sim/test_resourced tests/sim/test_resourced_guests \
	tests/sim/test_resourced_transactions tests/sim/test_resourced_asked \
	tests/sim/test_resourced_devices \
	tests/sim/test_resourced_memory tests/sim/test_resourced_steps \
	tests/sim/test_resourced_save tests/sim/test_resourced_descriptors \
	tests/sim/test_resourced_migrate_left
check_PROGRAMS += $(RD_TESTS)
TESTS += $(RD_TESTS)
tests_sim_test_resourced_SOURCES = tests/sim/test_resourced.c $(RD_SOURCES)
tests_sim_test_resourced_LDADD = $(RD_LIBS)
tests_sim_test_resourced_guests_SOURCES = \
	tests/sim/test_resourced_guests.c $(RD_SOURCES)
tests_sim_test_resourced_guests_LDADD = $(RD_LIBS)
tests_sim_test_resourced_crash_SOURCES = \
	tests/sim/test_resourced_crash.c tests/sim/crash_scenarios.c \
	tests/sim/crash_scenarios.h tests/sim/rd_state.c \
	tests/sim/rd_state.h $(RD_SOURCES)
tests_sim_test_resourced_crash_LDADD = $(RD_LIBS)
tests_sim_test_resourced_random_SOURCES = \
	tests/sim/test_resourced_random.c tests/sim/rd_state.c \
	tests/sim/rd_state.h $(RD_SOURCES)
tests_sim_test_resourced_random_LDADD = $(RD_LIBS)
tests_sim_test_resourced_descriptors_SOURCES = \
	tests/sim/test_resourced_descriptors.c $(RD_SOURCES)
tests_sim_test_resourced_descriptors_LDADD = $(RD_LIBS)
RD_CHANGE_SOURCES = tests/sim/rd_change.c tests/sim/rd_change.h $(RD_SOURCES)
tests_sim_test_resourced_transactions_SOURCES = \
	tests/sim/test_resourced_transactions.c $(RD_CHANGE_SOURCES)
tests_sim_test_resourced_transactions_LDADD = $(RD_LIBS)
tests_sim_test_resourced_asked_SOURCES = \
	tests/sim/test_resourced_asked.c $(RD_CHANGE_SOURCES)
tests_sim_test_resourced_asked_LDADD = $(RD_LIBS)
tests_sim_test_resourced_devices_SOURCES = \
	tests/sim/test_resourced_devices.c $(RD_CHANGE_SOURCES)
tests_sim_test_resourced_devices_LDADD = $(RD_LIBS)
tests_sim_test_resourced_memory_SOURCES = \
	tests/sim/test_resourced_memory.c $(RD_CHANGE_SOURCES)
tests_sim_test_resourced_memory_LDADD = $(RD_LIBS)
tests_sim_test_resourced_save_SOURCES = \
	tests/sim/test_resourced_save.c $(RD_CHANGE_SOURCES)
tests_sim_test_resourced_save_LDADD = $(RD_LIBS)
RD_PAIR_SOURCES = tests/sim/rd_pair.c tests/sim/rd_pair.h \
	tests/sim/rd_proxy.c tests/sim/rd_proxy.h \
	tests/sim/rd_host.c tests/sim/rd_host.h $(RD_SOURCES)
tests_sim_test_resourced_migrate_SOURCES = \
	tests/sim/test_resourced_migrate.c $(RD_PAIR_SOURCES)
tests_sim_test_resourced_migrate_LDADD = $(RD_LIBS) $(TLS_LIBS)
tests_sim_test_resourced_migrate_stop_SOURCES = \
	tests/sim/test_resourced_migrate_stop.c $(RD_PAIR_SOURCES)
tests_sim_test_resourced_migrate_stop_LDADD = $(RD_LIBS) $(TLS_LIBS)
tests_sim_test_resourced_migrate_left_SOURCES = \
	tests/sim/test_resourced_migrate_left.c $(RD_PAIR_SOURCES)
tests_sim_test_resourced_migrate_left_LDADD = $(RD_LIBS) $(TLS_LIBS)
tests_sim_test_resourced_migrate_crash_SOURCES = \
	tests/sim/test_resourced_migrate_crash.c tests/sim/rd_state.c \
	tests/sim/rd_state.h $(RD_PAIR_SOURCES)
tests_sim_test_resourced_migrate_crash_LDADD = $(RD_LIBS) $(TLS_LIBS)
tests_sim_test_resourced_steps_SOURCES = \
	tests/sim/test_resourced_steps.c $(RD_CHANGE_SOURCES)
tests_sim_test_resourced_steps_LDADD = $(RD_LIBS)
endif
include tests/sim/test_policyd.mk
include tests/sim/test_host.mk
dist_check_SCRIPTS += tests/sim/test_sim_ctl.sh
TESTS += tests/sim/test_sim_ctl.sh
