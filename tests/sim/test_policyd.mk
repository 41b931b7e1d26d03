# a real etcd, for all tests that want one
etcd_server = tests/etcd_server.c tests/etcd_server.h

# policyd and resourced, the real daemons, on a simulated host.
check_PROGRAMS += tests/sim/test_policyd
TESTS += tests/sim/test_policyd
tests_sim_test_policyd_SOURCES = \
	tests/sim/test_policyd.c \
	tests/sim/test_policyd_bed.c \
	tests/sim/test_policyd_bed.h \
	tests/sim/test_policyd_changes.c \
	tests/sim/test_policyd_customers.c \
	tests/sim/test_policyd_deaths.c \
	tests/sim/test_policyd_etcd.c \
	tests/sim/test_policyd_etcd.h \
	$(etcd_server) \
	tests/sim/test_policyd_failures.c \
	tests/sim/test_policyd_isolation.c \
	tests/sim/test_policyd_keys.c \
	tests/sim/test_policyd_leases.c \
	tests/sim/test_policyd_pages.c \
	tests/sim/test_policyd_requests.c \
	tests/sim/test_policyd_streams.c \
	tests/sim/test_policyd_transfer.c
tests_sim_test_policyd_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

check_PROGRAMS += tests/sim/test_policyd_again
TESTS += tests/sim/test_policyd_again
tests_sim_test_policyd_again_SOURCES = \
	tests/sim/test_policyd_again.c \
	tests/sim/test_policyd_bed.c \
	tests/sim/test_policyd_bed.h \
	tests/sim/test_policyd_etcd.c \
	tests/sim/test_policyd_etcd.h \
	$(etcd_server)
tests_sim_test_policyd_again_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

# one policyd, several hosts
check_PROGRAMS += tests/sim/test_hosts
TESTS += tests/sim/test_hosts
tests_sim_test_hosts_SOURCES = \
	tests/sim/hosts_bed.c \
	tests/sim/hosts_bed.h \
	$(SIM_PROCESS) \
	tests/sim/test_hosts.c \
	tests/sim/test_hosts.h \
	tests/sim/test_hosts_full.c \
	tests/sim/test_hosts_random.c \
	tests/sim/test_policyd_bed.c \
	tests/sim/test_policyd_bed.h \
	tests/sim/test_policyd_etcd.c \
	tests/sim/test_policyd_etcd.h \
	$(etcd_server)
tests_sim_test_hosts_LDADD = $(WIRE_LIBS) $(HV_LIBS) $(BASE_LIBS) \
	$(SQLITE_LIBS)
EXTRA_DIST += tests/sim/long/hosts.sh

# messages that nobody in their senses sends
check_PROGRAMS += tests/sim/test_policyd_garbage
TESTS += tests/sim/test_policyd_garbage
tests_sim_test_policyd_garbage_SOURCES = \
	tests/sim/garbage.c \
	tests/sim/garbage.h \
	tests/sim/garbage_place.c \
	tests/sim/garbage_place.h \
	tests/sim/garbage_sender.c \
	tests/sim/garbage_sender.h \
	tests/sim/hosts_bed.c \
	tests/sim/hosts_bed.h \
	$(SIM_PROCESS) \
	tests/sim/test_policyd_bed.c \
	tests/sim/test_policyd_bed.h \
	tests/sim/test_policyd_etcd.c \
	tests/sim/test_policyd_etcd.h \
	tests/sim/test_policyd_garbage.c \
	$(etcd_server)
tests_sim_test_policyd_garbage_LDADD = $(WIRE_LIBS) $(BASE_LIBS)
