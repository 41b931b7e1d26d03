# Unit tests of policyd.
if HAVE_CUNIT
policyd_unit_tests = \
	tests/unit/policyd/test_kv_etcd \
	tests/unit/policyd/test_auth \
	tests/unit/policyd/test_book \
	tests/unit/policyd/test_book_usage \
	tests/unit/policyd/test_bounds \
	tests/unit/policyd/test_channel_rows \
	tests/unit/policyd/test_channel_share \
	tests/unit/policyd/test_decision \
	tests/unit/policyd/test_effect \
	tests/unit/policyd/test_evacuate \
	tests/unit/policyd/test_files \
	tests/unit/policyd/test_iallocator \
	tests/unit/policyd/test_ganeti \
	tests/unit/policyd/test_http \
	tests/unit/policyd/test_identity \
	tests/unit/policyd/test_inventory \
	tests/unit/policyd/test_inventory_amounts \
	tests/unit/policyd/test_inventory_backups \
	tests/unit/policyd/test_kv_etcd_answers \
	tests/unit/policyd/test_kv_etcd_grpc \
	tests/unit/policyd/test_kv_etcd_json \
	tests/unit/policyd/test_kv_etcd_watch \
	tests/unit/policyd/test_kv_sqlite \
	tests/unit/policyd/test_kv_sqlite_conform \
	tests/unit/policyd/test_mover \
	tests/unit/policyd/test_mover_live \
	tests/unit/policyd/test_mover_model \
	tests/unit/policyd/test_mover_restart \
	tests/unit/policyd/test_fence_decide \
	tests/unit/policyd/test_fence_list \
	tests/unit/policyd/test_names \
	tests/unit/policyd/test_operation \
	tests/unit/policyd/test_placement \
	tests/unit/policyd/test_placement_brief \
	tests/unit/policyd/test_placement_capacity \
	tests/unit/policyd/test_placement_random \
	tests/unit/policyd/test_placement_record \
	tests/unit/policyd/test_placement_rules \
	tests/unit/policyd/test_placement_spare \
	tests/unit/policyd/test_placement_together \
	tests/unit/policyd/test_placement_view \
	tests/unit/policyd/test_policies \
	tests/unit/policyd/test_placement_whatif \
	tests/unit/policyd/test_policy \
	tests/unit/policyd/test_prune \
	tests/unit/policyd/test_quota \
	tests/unit/policyd/test_plan \
	tests/unit/policyd/test_rebalance \
	tests/unit/policyd/test_rebalance_run \
	tests/unit/policyd/test_secret \
	tests/unit/policyd/test_usage \
	tests/unit/policyd/test_store \
	tests/unit/policyd/test_store_convert \
	tests/unit/policyd/test_store_etcd \
	tests/unit/policyd/test_store_faults \
	tests/unit/policyd/test_table
check_PROGRAMS += $(policyd_unit_tests)
TESTS += $(policyd_unit_tests)
tests_unit_policyd_test_secret_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_secret_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_usage_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_usage_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_table_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_table_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_auth_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_auth_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_bounds_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_bounds_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_files_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_files_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
kv_conform = tests/unit/policyd/kv_conform.c \
	tests/unit/policyd/kv_conform.h \
	tests/unit/policyd/kv_conform_help.c \
	tests/unit/policyd/kv_conform_watch.c
tests_unit_policyd_test_kv_sqlite_conform_SOURCES = \
	tests/unit/policyd/test_kv_sqlite_conform.c $(kv_conform)
tests_unit_policyd_test_kv_sqlite_conform_CFLAGS = $(AM_CFLAGS) \
	$(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_sqlite_conform_LDADD = $(POLICYD_LIBS) \
	$(CUNIT_LIBS)
fake_http = tests/unit/policyd/fake_http.c tests/unit/policyd/fake_http.h
tests_unit_policyd_test_http_SOURCES = \
	tests/unit/policyd/test_http.c $(fake_http)
tests_unit_policyd_test_http_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_http_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
etcd_fake = tests/unit/policyd/etcd_fake.c tests/unit/policyd/etcd_fake.h \
	$(fake_http)
tests_unit_policyd_test_kv_etcd_answers_SOURCES = \
	tests/unit/policyd/test_kv_etcd_answers.c $(etcd_fake)
tests_unit_policyd_test_kv_etcd_watch_SOURCES = \
	tests/unit/policyd/test_kv_etcd_watch.c $(etcd_fake)
tests_unit_policyd_test_kv_etcd_watch_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_etcd_watch_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_kv_etcd_answers_CFLAGS = $(AM_CFLAGS) \
	$(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_etcd_answers_LDADD = $(POLICYD_LIBS) \
	$(CUNIT_LIBS)
tests_unit_policyd_test_kv_etcd_grpc_SOURCES = \
	tests/unit/policyd/test_kv_etcd_grpc.c \
	tests/unit/policyd/grpc_page.c tests/unit/policyd/grpc_page.h \
	$(etcd_fake)
tests_unit_policyd_test_kv_etcd_grpc_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_etcd_grpc_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_kv_etcd_json_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_etcd_json_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_kv_etcd_SOURCES = \
	tests/unit/policyd/test_kv_etcd.c \
	tests/unit/policyd/test_kv_etcd.h \
	tests/unit/policyd/test_kv_etcd_access.c \
	tests/unit/policyd/test_kv_etcd_long.c \
	$(kv_conform) $(etcd_server)
tests_unit_policyd_test_kv_etcd_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_etcd_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_kv_sqlite_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_kv_sqlite_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_book_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_book_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_mover_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_mover_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_mover_restart_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_mover_restart_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_fence_decide_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_fence_decide_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_fence_list_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_fence_list_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_mover_live_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_mover_live_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_mover_model_SOURCES = \
	tests/unit/policyd/test_mover_model.c \
	tests/unit/policyd/mover_world.c tests/unit/policyd/mover_world.h
tests_unit_policyd_test_mover_model_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_mover_model_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_names_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_names_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
placement_bed = tests/unit/policyd/placement_bed.c \
	tests/unit/policyd/placement_bed.h
tests_unit_policyd_test_placement_rules_SOURCES = \
	tests/unit/policyd/test_placement_rules.c $(placement_bed)
tests_unit_policyd_test_placement_rules_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_rules_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_SOURCES = \
	tests/unit/policyd/test_placement.c $(placement_bed)
tests_unit_policyd_test_placement_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
placement_world = tests/unit/policyd/placement_world.c \
	tests/unit/policyd/placement_world.h \
	tests/unit/policyd/placement_check.c
tests_unit_policyd_test_placement_random_SOURCES = \
	tests/unit/policyd/test_placement_random.c $(placement_world)
tests_unit_policyd_test_placement_random_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_random_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_spare_SOURCES = \
	tests/unit/policyd/test_placement_spare.c $(placement_world)
tests_unit_policyd_test_placement_spare_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_spare_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_together_SOURCES = \
	tests/unit/policyd/test_placement_together.c $(placement_world)
tests_unit_policyd_test_placement_together_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_together_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_view_SOURCES = \
	tests/unit/policyd/test_placement_view.c $(placement_world)
tests_unit_policyd_test_placement_view_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_view_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_brief_SOURCES = \
	tests/unit/policyd/test_placement_brief.c $(placement_world)
tests_unit_policyd_test_placement_brief_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_brief_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_policies_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_policies_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_iallocator_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_iallocator_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_capacity_SOURCES = \
	tests/unit/policyd/test_placement_capacity.c $(placement_world)
tests_unit_policyd_test_placement_capacity_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_capacity_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_record_SOURCES = \
	tests/unit/policyd/test_placement_record.c $(placement_world)
tests_unit_policyd_test_placement_record_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_record_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_placement_whatif_SOURCES = \
	tests/unit/policyd/test_placement_whatif.c $(placement_world)
tests_unit_policyd_test_placement_whatif_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_placement_whatif_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_decision_SOURCES = \
	tests/unit/policyd/test_decision.c $(placement_world)
tests_unit_policyd_test_decision_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_decision_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
inventory_bed = tests/unit/policyd/inventory_bed.c \
	tests/unit/policyd/inventory_bed.h
tests_unit_policyd_test_inventory_SOURCES = \
	tests/unit/policyd/test_inventory.c $(inventory_bed)
tests_unit_policyd_test_inventory_amounts_SOURCES = \
	tests/unit/policyd/test_inventory_amounts.c $(inventory_bed)
tests_unit_policyd_test_inventory_amounts_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_inventory_amounts_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_inventory_backups_SOURCES = \
	tests/unit/policyd/test_inventory_backups.c $(inventory_bed)
tests_unit_policyd_test_inventory_backups_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_inventory_backups_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_inventory_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_inventory_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_policy_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_policy_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_channel_rows_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_channel_rows_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_channel_share_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_channel_share_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_prune_SOURCES = \
	tests/unit/policyd/test_prune.c $(etcd_server)
tests_unit_policyd_test_prune_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_prune_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_quota_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_quota_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_store_etcd_SOURCES = \
	tests/unit/policyd/test_store_etcd.c $(etcd_server)
tests_unit_policyd_test_store_etcd_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_store_etcd_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
store_bed = tests/unit/policyd/store_bed.c tests/unit/policyd/store_bed.h
tests_unit_policyd_test_store_SOURCES = \
	tests/unit/policyd/test_store.c $(store_bed)
tests_unit_policyd_test_store_convert_SOURCES = \
	tests/unit/policyd/test_store_convert.c $(store_bed)
tests_unit_policyd_test_store_convert_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_store_convert_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_book_usage_SOURCES = \
	tests/unit/policyd/test_book_usage.c $(store_bed)
tests_unit_policyd_test_book_usage_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_book_usage_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_store_faults_SOURCES = \
	tests/unit/policyd/test_store_faults.c $(store_bed)
tests_unit_policyd_test_store_faults_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_store_faults_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_store_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_store_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_effect_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_effect_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_identity_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_identity_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_operation_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_operation_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
rebalance_check = tests/unit/policyd/rebalance_check.c \
	tests/unit/policyd/rebalance_check.h $(placement_world)
tests_unit_policyd_test_evacuate_SOURCES = \
	tests/unit/policyd/test_evacuate.c $(rebalance_check)
tests_unit_policyd_test_evacuate_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_evacuate_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_plan_SOURCES = \
	tests/unit/policyd/test_plan.c $(inventory_bed)
tests_unit_policyd_test_plan_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_plan_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_rebalance_SOURCES = \
	tests/unit/policyd/test_rebalance.c $(rebalance_check)
tests_unit_policyd_test_rebalance_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_rebalance_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_rebalance_run_SOURCES = \
	tests/unit/policyd/test_rebalance_run.c $(rebalance_check)
tests_unit_policyd_test_rebalance_run_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_rebalance_run_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
tests_unit_policyd_test_ganeti_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_policyd_test_ganeti_LDADD = $(POLICYD_LIBS) $(CUNIT_LIBS)
endif
