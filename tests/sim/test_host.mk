# resourced: resources, leases, verify and rebuild.
if HAVE_CUNIT
RD_HOST_SOURCES = tests/sim/rd_host.c tests/sim/rd_host.h $(RD_SOURCES)
RD_HOST_TESTS = \
	tests/sim/test_resourced_leases \
	tests/sim/test_resourced_old_copy \
	tests/sim/test_resourced_pages \
	tests/sim/test_resourced_rebuild \
	tests/sim/test_resourced_resources \
	tests/sim/test_resourced_verify
check_PROGRAMS += $(RD_HOST_TESTS)
TESTS += $(RD_HOST_TESTS)
tests_sim_test_resourced_leases_SOURCES = \
	tests/sim/test_resourced_leases.c $(RD_HOST_SOURCES)
tests_sim_test_resourced_leases_LDADD = $(RD_LIBS)
tests_sim_test_resourced_old_copy_SOURCES = \
	tests/sim/test_resourced_old_copy.c $(RD_HOST_SOURCES)
tests_sim_test_resourced_old_copy_LDADD = $(RD_LIBS)
tests_sim_test_resourced_pages_SOURCES = \
	tests/sim/test_resourced_pages.c $(RD_HOST_SOURCES)
tests_sim_test_resourced_pages_LDADD = $(RD_LIBS)
tests_sim_test_resourced_rebuild_SOURCES = \
	tests/sim/test_resourced_rebuild.c $(RD_HOST_SOURCES)
tests_sim_test_resourced_rebuild_LDADD = $(RD_LIBS)
tests_sim_test_resourced_resources_SOURCES = \
	tests/sim/test_resourced_resources.c $(RD_HOST_SOURCES)
tests_sim_test_resourced_resources_LDADD = $(RD_LIBS)
tests_sim_test_resourced_verify_SOURCES = \
	tests/sim/test_resourced_verify.c $(RD_HOST_SOURCES)
tests_sim_test_resourced_verify_LDADD = $(RD_LIBS)
endif
