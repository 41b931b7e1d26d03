# Unit tests of channeld.
if HAVE_CUNIT
channeld_unit_tests = \
	tests/unit/channeld/test_limit \
	tests/unit/channeld/test_quotas \
	tests/unit/channeld/test_rendezvous \
	tests/unit/channeld/test_rule \
	tests/unit/channeld/test_secret
check_PROGRAMS += $(channeld_unit_tests)
TESTS += $(channeld_unit_tests)
tests_unit_channeld_test_rule_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_channeld_test_rule_LDADD = $(CHANNELD_LIBS) $(CUNIT_LIBS)
tests_unit_channeld_test_secret_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_channeld_test_secret_LDADD = $(CHANNELD_LIBS) $(CUNIT_LIBS)
tests_unit_channeld_test_quotas_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_channeld_test_quotas_LDADD = $(CHANNELD_LIBS) $(CUNIT_LIBS)
tests_unit_channeld_test_limit_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_channeld_test_limit_LDADD = $(CHANNELD_LIBS) $(CUNIT_LIBS)
tests_unit_channeld_test_rendezvous_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_channeld_test_rendezvous_LDADD = $(CHANNELD_LIBS) $(CUNIT_LIBS)
endif
