# Unit tests of xl-ext.
XLEXT_SHELL_TESTS = \
	tests/unit/xl-ext/test-examples.sh \
	tests/unit/xl-ext/test-keys.sh \
	tests/unit/xl-ext/test-pages.sh
EXTRA_DIST += $(XLEXT_SHELL_TESTS)
TESTS += $(XLEXT_SHELL_TESTS)

if HAVE_CUNIT
XLEXT_UNIT = \
	tests/unit/xl-ext/test_command \
	tests/unit/xl-ext/test_answers \
	tests/unit/xl-ext/test_changes \
	tests/unit/xl-ext/test_client \
	tests/unit/xl-ext/test_operation \
	tests/unit/xl-ext/test_xlcfg \
	tests/unit/xl-ext/test_xlcfg_vif
check_PROGRAMS += $(XLEXT_UNIT)
TESTS += $(XLEXT_UNIT)
XLEXT_TRY = tests/unit/xl-ext/try.c tests/unit/xl-ext/try.h
tests_unit_xl_ext_test_command_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_command_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
XLEXT_FAKE = \
	tests/unit/xl-ext/fake_policyd.c \
	tests/unit/xl-ext/fake_policyd.h
tests_unit_xl_ext_test_answers_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
XLEXT_ANSWER = tests/unit/xl-ext/answer.c tests/unit/xl-ext/answer.h \
	$(XLEXT_FAKE)
tests_unit_xl_ext_test_answers_SOURCES = \
	tests/unit/xl-ext/test_answers.c $(XLEXT_ANSWER)
tests_unit_xl_ext_test_answers_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
tests_unit_xl_ext_test_changes_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_changes_SOURCES = \
	tests/unit/xl-ext/test_changes.c $(XLEXT_ANSWER)
tests_unit_xl_ext_test_changes_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
tests_unit_xl_ext_test_client_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_client_SOURCES = \
	tests/unit/xl-ext/test_client.c $(XLEXT_FAKE)
tests_unit_xl_ext_test_client_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
tests_unit_xl_ext_test_operation_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_operation_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
tests_unit_xl_ext_test_xlcfg_SOURCES = \
	tests/unit/xl-ext/test_xlcfg.c $(XLEXT_TRY)
tests_unit_xl_ext_test_xlcfg_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_xlcfg_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
tests_unit_xl_ext_test_xlcfg_vif_SOURCES = \
	tests/unit/xl-ext/test_xlcfg_vif.c $(XLEXT_TRY)
tests_unit_xl_ext_test_xlcfg_vif_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_xlcfg_vif_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
endif
