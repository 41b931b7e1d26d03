# Unit tests of resourced.
dist_check_SCRIPTS += tests/unit/resourced/test_settings_documents.sh
TESTS += tests/unit/resourced/test_settings_documents.sh
