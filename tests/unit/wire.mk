# Unit tests of libvdc/wire.
EXTRA_DIST += tests/unit/wire/fill.h
if HAVE_CUNIT
wire_unit_tests = \
	tests/unit/wire/test_codec \
	tests/unit/wire/test_json_read \
	tests/unit/wire/test_page
check_PROGRAMS += $(wire_unit_tests)
TESTS += $(wire_unit_tests)
tests_unit_wire_test_codec_SOURCES = \
	tests/unit/wire/fill.c \
	tests/unit/wire/test_codec.c
tests_unit_wire_test_codec_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_wire_test_codec_LDADD = $(WIRE_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_wire_test_json_read_SOURCES = \
	tests/unit/wire/fill.c \
	tests/unit/wire/test_json_read.c
tests_unit_wire_test_json_read_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_wire_test_json_read_LDADD = $(WIRE_LIBS) $(BASE_LIBS) \
	$(CUNIT_LIBS)
tests_unit_wire_test_page_SOURCES = tests/unit/wire/test_page.c
tests_unit_wire_test_page_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_wire_test_page_LDADD = $(WIRE_LIBS) $(BASE_LIBS) $(CUNIT_LIBS)
endif
