# Unit tests of resourced.
dist_check_SCRIPTS += tests/unit/resourced/test_settings_documents.sh
TESTS += tests/unit/resourced/test_settings_documents.sh
if HAVE_CUNIT
RESOURCED_TESTS = \
	tests/unit/resourced/test_durable \
	tests/unit/resourced/test_event_log \
	tests/unit/resourced/test_image \
	tests/unit/resourced/test_lock tests/unit/resourced/test_rate \
	tests/unit/resourced/test_store \
	tests/unit/resourced/test_store_damage \
	tests/unit/resourced/test_store_files \
	tests/unit/resourced/test_store_kept \
	tests/unit/resourced/test_store_kill \
	tests/unit/resourced/test_store_loop \
	tests/unit/resourced/test_store_schema_1 \
	tests/unit/resourced/test_store_sync \
	tests/unit/resourced/test_store_upgrade \
	tests/unit/resourced/test_zeros
check_PROGRAMS += $(RESOURCED_TESTS)
TESTS += $(RESOURCED_TESTS)
tests_unit_resourced_test_durable_SOURCES = \
	tests/unit/resourced/test_durable.c resourced/durable.c
tests_unit_resourced_test_durable_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_image_SOURCES = \
	tests/unit/resourced/test_image.c resourced/image_file.c \
	resourced/image_give.c resourced/image_write.c resourced/job.c
tests_unit_resourced_test_image_LDADD = $(WIRE_LIBS) $(BASE_LIBS) \
	$(CUNIT_LIBS) $(TLS_LIBS)
tests_unit_resourced_test_lock_SOURCES = \
	tests/unit/resourced/test_lock.c resourced/lock.c
tests_unit_resourced_test_lock_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_rate_SOURCES = \
	tests/unit/resourced/test_rate.c resourced/rate.c
tests_unit_resourced_test_rate_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_zeros_SOURCES = \
	tests/unit/resourced/test_zeros.c resourced/zeros.c
tests_unit_resourced_test_zeros_LDADD = $(BASE_LIBS) $(CUNIT_LIBS)
STORE_FIXTURE = \
	tests/unit/resourced/store_fixture.c \
	tests/unit/resourced/store_fixture.h
STORE_CASE = $(STORE_FIXTURE) \
	tests/unit/resourced/store_case.c \
	tests/unit/resourced/store_case.h
tests_unit_resourced_test_event_log_SOURCES = \
	tests/unit/resourced/test_event_log.c \
	resourced/event_log.c resourced/text.c $(STORE_FIXTURE)
tests_unit_resourced_test_event_log_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_SOURCES = \
	tests/unit/resourced/test_store.c $(STORE_CASE)
tests_unit_resourced_test_store_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_damage_SOURCES = \
	tests/unit/resourced/test_store_damage.c $(STORE_FIXTURE)
tests_unit_resourced_test_store_damage_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_files_SOURCES = \
	tests/unit/resourced/test_store_files.c $(STORE_CASE)
tests_unit_resourced_test_store_files_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_kept_SOURCES = \
	tests/unit/resourced/test_store_kept.c $(STORE_CASE)
tests_unit_resourced_test_store_kept_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_schema_1_SOURCES = \
	tests/unit/resourced/test_store_schema_1.c $(STORE_CASE)
tests_unit_resourced_test_store_schema_1_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_kill_SOURCES = \
	tests/unit/resourced/test_store_kill.c $(STORE_FIXTURE)
tests_unit_resourced_test_store_kill_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_loop_SOURCES = \
	tests/unit/resourced/test_store_loop.c $(STORE_FIXTURE)
tests_unit_resourced_test_store_loop_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_sync_SOURCES = \
	tests/unit/resourced/test_store_sync.c $(STORE_FIXTURE)
tests_unit_resourced_test_store_sync_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
tests_unit_resourced_test_store_upgrade_SOURCES = \
	tests/unit/resourced/test_store_upgrade.c $(STORE_FIXTURE)
tests_unit_resourced_test_store_upgrade_LDADD = $(STORE_LIBS) $(CUNIT_LIBS)
RESOURCED_PURE_TESTS = \
	tests/unit/resourced/test_published \
	tests/unit/resourced/test_resource_rows
check_PROGRAMS += $(RESOURCED_PURE_TESTS)
TESTS += $(RESOURCED_PURE_TESTS)
tests_unit_resourced_test_published_SOURCES = \
	tests/unit/resourced/test_published.c resourced/published.c
tests_unit_resourced_test_published_LDADD = $(WIRE_LIBS) $(BASE_LIBS) \
	$(CUNIT_LIBS)
tests_unit_resourced_test_resource_rows_SOURCES = \
	tests/unit/resourced/test_resource_rows.c \
	resourced/resource_rows.c resourced/text.c
tests_unit_resourced_test_resource_rows_LDADD = $(WIRE_LIBS) $(BASE_LIBS) \
	$(CUNIT_LIBS)
endif
