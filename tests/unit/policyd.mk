# Unit tests of policyd.
if HAVE_CUNIT
policyd_unit_tests = \
	tests/unit/policyd/test_effect \
	tests/unit/policyd/test_files \
	tests/unit/policyd/test_identity \
	tests/unit/policyd/test_names \
	tests/unit/policyd/test_operation \
	tests/unit/policyd/test_placement \
	tests/unit/policyd/test_policy \
	tests/unit/policyd/test_quota \
	tests/unit/policyd/test_store
check_PROGRAMS += $(policyd_unit_tests)
TESTS += $(policyd_unit_tests)
tests_unit_policyd_test_files_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_files_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_names_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_names_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_policy_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_policy_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_quota_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_quota_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_store_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_store_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_effect_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_effect_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_identity_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_identity_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_operation_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_operation_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
endif
