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
	tests/unit/xl-ext/test_xlcfg
check_PROGRAMS += $(XLEXT_UNIT)
TESTS += $(XLEXT_UNIT)
tests_unit_xl_ext_test_command_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_command_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
tests_unit_xl_ext_test_xlcfg_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_xl_ext_test_xlcfg_LDADD = $(XLEXT_LIBS) $(CUNIT_LIBS)
endif
