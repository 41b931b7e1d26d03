# One suite of tests for every implementation of hv/hv.h: in `make check` on
# the simulator, in the bed on Xen ("test_conform xen").
noinst_PROGRAMS += tests/hv/test_conform
TESTS += tests/hv/test_conform
tests_hv_test_conform_SOURCES = \
	tests/hv/conform.c \
	tests/hv/conform.h \
	tests/hv/conform_cpu.c \
	tests/hv/conform_device.c \
	tests/hv/conform_error.c \
	tests/hv/conform_life.c \
	tests/hv/conform_memory.c \
	tests/hv/conform_save.c \
	tests/hv/harness.c \
	tests/hv/harness.h
tests_hv_test_conform_LDADD = $(HV_LIBS) $(BASE_LIBS)
