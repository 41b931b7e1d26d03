# Unit tests of base: one program a file.
if HAVE_CUNIT
BASE_TESTS = \
	tests/unit/base/test_arena \
	tests/unit/base/test_base64 \
	tests/unit/base/test_cfg \
	tests/unit/base/test_cfg_disk \
	tests/unit/base/test_clock \
	tests/unit/base/test_cpu \
	tests/unit/base/test_daemon \
	tests/unit/base/test_error \
	tests/unit/base/test_image_ref \
	tests/unit/base/test_json \
	tests/unit/base/test_log \
	tests/unit/base/test_machine \
	tests/unit/base/test_metrics \
	tests/unit/base/test_reasons \
	tests/unit/base/test_savefile \
	tests/unit/base/test_settings \
	tests/unit/base/test_stream \
	tests/unit/base/test_stream_blocking \
	tests/unit/base/test_stream_listen \
	tests/unit/base/test_suggest \
	tests/unit/base/test_textfile \
	tests/unit/base/test_tls \
	tests/unit/base/test_tls_issue \
	tests/unit/base/test_tls_stream \
	tests/unit/base/test_units \
	tests/unit/base/test_uuid
check_PROGRAMS += $(BASE_TESTS)
TESTS += $(BASE_TESTS)
BASE_TEST_LIBS = $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_base_test_arena_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_base64_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_cfg_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_cfg_disk_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_clock_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_cpu_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_daemon_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_error_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_image_ref_LDADD = $(BASE_TEST_LIBS) $(TLS_LIBS)
tests_unit_base_test_json_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_log_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_machine_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_metrics_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_reasons_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_savefile_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_settings_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_stream_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_stream_blocking_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_stream_listen_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_suggest_LDADD = $(BASE_TEST_LIBS)
TLS_PAIR = tests/unit/base/tls_pair.c tests/unit/base/tls_pair.h \
	tests/unit/base/tls_files.c tests/unit/base/tls_files.h
tests_unit_base_test_tls_SOURCES = \
	tests/unit/base/test_tls.c $(TLS_PAIR)
tests_unit_base_test_tls_LDADD = $(BASE_TEST_LIBS) $(TLS_LIBS)
tests_unit_base_test_tls_stream_SOURCES = \
	tests/unit/base/test_tls_stream.c $(TLS_PAIR)
tests_unit_base_test_tls_stream_LDADD = $(BASE_TEST_LIBS) $(TLS_LIBS)
tests_unit_base_test_textfile_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_tls_issue_LDADD = $(BASE_TEST_LIBS) $(TLS_LIBS)
tests_unit_base_test_units_LDADD = $(BASE_TEST_LIBS)
tests_unit_base_test_uuid_LDADD = $(BASE_TEST_LIBS)
endif

# The checks of build-aux, on small trees that break one rule each.
dist_check_SCRIPTS += tests/unit/base/test_checks.sh
TESTS += tests/unit/base/test_checks.sh

# What the daemons' manual pages say of their options.
dist_check_SCRIPTS += tests/unit/base/test-daemon-pages.sh
TESTS += tests/unit/base/test-daemon-pages.sh
