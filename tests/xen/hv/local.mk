# Tests of hv/xen, for the bed; `make test_hv_xen` does not run them.
EXTRA_DIST += tests/xen/hv/run.sh
if WITH_XEN
noinst_PROGRAMS += tests/xen/hv/test_hv_xen
tests_xen_hv_test_hv_xen_SOURCES = \
	tests/hv/harness.c \
	tests/hv/harness.h \
	tests/xen/hv/bedtest.c \
	tests/xen/hv/bedtest.h \
	tests/xen/hv/test_change.c \
	tests/xen/hv/test_fault.c \
	tests/xen/hv/test_hotplug.c \
	tests/xen/hv/test_life.c \
	tests/xen/hv/test_reserve.c \
	tests/xen/hv/test_send.c \
	tests/xen/hv/test_store.c
tests_xen_hv_test_hv_xen_LDADD = $(HV_LIBS) $(BASE_LIBS)
noinst_PROGRAMS += tests/xen/hv/test_watchdog
tests_xen_hv_test_watchdog_SOURCES = tests/xen/hv/test_watchdog.c
tests_xen_hv_test_watchdog_LDADD = $(HV_LIBS) $(BASE_LIBS)
endif
