# Unit tests of watchdogd.
if HAVE_CUNIT
watchdogd_unit_tests = \
	tests/unit/watchdogd/test_identity \
	tests/unit/watchdogd/test_slot \
	tests/unit/watchdogd/test_vote
check_PROGRAMS += $(watchdogd_unit_tests)
TESTS += $(watchdogd_unit_tests)
tests_unit_watchdogd_test_identity_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_watchdogd_test_identity_LDADD = $(WATCHDOGD_LIBS) $(CUNIT_LIBS)
tests_unit_watchdogd_test_slot_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_watchdogd_test_slot_LDADD = $(WATCHDOGD_LIBS) $(CUNIT_LIBS)
tests_unit_watchdogd_test_vote_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_watchdogd_test_vote_LDADD = $(WATCHDOGD_LIBS) $(CUNIT_LIBS)
endif
