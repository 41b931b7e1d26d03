# Unit tests of automationd.
dist_check_SCRIPTS += tests/unit/automation/test-documents.sh
TESTS += tests/unit/automation/test-documents.sh
if HAVE_CUNIT
automation_unit_tests = \
	tests/unit/automation/test_command \
	tests/unit/automation/test_job
check_PROGRAMS += $(automation_unit_tests)
TESTS += $(automation_unit_tests)
tests_unit_automation_test_command_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_automation_test_command_LDADD = automation/libautomation.a \
	$(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_automation_test_job_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_automation_test_job_LDADD = automation/libautomation.a \
	$(BASE_LIBS) $(CUNIT_LIBS)
endif
