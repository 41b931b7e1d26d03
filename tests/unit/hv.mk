# Unit tests of hv.
if HAVE_CUNIT
SIM_TESTS = \
	tests/unit/hv/test_sim_cpu \
	tests/unit/hv/test_sim_device \
	tests/unit/hv/test_sim_domain \
	tests/unit/hv/test_sim_fault \
	tests/unit/hv/test_sim_grant \
	tests/unit/hv/test_sim_guest \
	tests/unit/hv/test_sim_memory \
	tests/unit/hv/test_sim_save \
	tests/unit/hv/test_sim_state \
	tests/unit/hv/test_sim_store \
	tests/unit/hv/test_sim_stream \
	tests/unit/hv/test_sim_sweep
check_PROGRAMS += $(SIM_TESTS)
TESTS += $(SIM_TESTS)
SIM_TEST_LIBS = $(HV_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_hv_test_sim_cpu_SOURCES = \
	tests/unit/hv/test_sim_cpu.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_cpu_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_device_SOURCES = \
	tests/unit/hv/test_sim_device.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_device_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_domain_SOURCES = \
	tests/unit/hv/test_sim_domain.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_domain_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_fault_SOURCES = \
	tests/unit/hv/test_sim_fault.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_fault_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_grant_SOURCES = \
	tests/unit/hv/test_sim_grant.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_grant_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_guest_SOURCES = \
	tests/unit/hv/test_sim_guest.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_guest_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_memory_SOURCES = \
	tests/unit/hv/test_sim_memory.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_memory_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_save_SOURCES = \
	tests/unit/hv/test_sim_save.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_save_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_state_SOURCES = \
	tests/unit/hv/test_sim_state.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_state_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_store_SOURCES = \
	tests/unit/hv/test_sim_store.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_store_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_stream_SOURCES = \
	tests/unit/hv/test_sim_stream.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_stream_LDADD = $(SIM_TEST_LIBS)
tests_unit_hv_test_sim_sweep_SOURCES = \
	tests/unit/hv/test_sim_sweep.c tests/unit/hv/sim_fixture.h
tests_unit_hv_test_sim_sweep_LDADD = $(SIM_TEST_LIBS)
endif
if HAVE_CUNIT
check_PROGRAMS += tests/unit/hv/test_cpulist
TESTS += tests/unit/hv/test_cpulist
tests_unit_hv_test_cpulist_SOURCES = tests/unit/hv/test_cpulist.c
tests_unit_hv_test_cpulist_LDADD = $(HV_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
endif
# Looks at whichever programs were built, of those that load libxl.
if WITH_XEN
TESTS += tests/unit/hv/test-symbols.sh
endif
dist_check_SCRIPTS += tests/unit/hv/test-symbols.sh
