# policyd: customers, quotas, placement, and the resource service of its host.
noinst_LIBRARIES += policyd/libpolicyd.a
policyd_libpolicyd_a_SOURCES = \
	policyd/answers.c \
	policyd/answers.h \
	policyd/auth.c \
	policyd/auth.h \
	policyd/book.c \
	policyd/book.h \
	policyd/book_change.c \
	policyd/book_decision.c \
	policyd/book_host.c \
	policyd/book_impl.h \
	policyd/book_record.c \
	policyd/cancel.c \
	policyd/change.c \
	policyd/change.h \
	policyd/change_decide.c \
	policyd/change_find.c \
	policyd/change_host.c \
	policyd/change_place.c \
	policyd/change_recall.c \
	policyd/change_record.c \
	policyd/command.c \
	policyd/command.h \
	policyd/console.c \
	policyd/console.h \
	policyd/console_away.c \
	policyd/console_away.h \
	policyd/customer.c \
	policyd/decision.c \
	policyd/decision.h \
	policyd/effect.c \
	policyd/effect.h \
	policyd/events.c \
	policyd/events.h \
	policyd/export.c \
	policyd/ganeti.c \
	policyd/ganeti.h \
	policyd/explain.c \
	policyd/explain.h \
	policyd/forecast.c \
	policyd/gather.c \
	policyd/gather.h \
	policyd/guests.c \
	policyd/guests.h \
	policyd/host.c \
	policyd/host_change.c \
	policyd/hosts.c \
	policyd/hosts.h \
	policyd/hosts_impl.h \
	policyd/hosts_report.c \
	policyd/identity.c \
	policyd/identity.h \
	policyd/inventory.c \
	policyd/inventory.h \
	policyd/keys.c \
	policyd/keys.h \
	policyd/kv/http.c \
	policyd/kv/http.h \
	policyd/kv/kv.c \
	policyd/kv/kv.h \
	policyd/kv/kv.c \
	policyd/kv/kv.h \
	policyd/kv/kv_check.c \
	policyd/kv/kv_check.h \
	policyd/kv/kv_etcd.c \
	policyd/kv/kv_etcd.h \
	policyd/kv/kv_etcd_compact.c \
	policyd/kv/kv_etcd_impl.h \
	policyd/kv/kv_etcd_json.c \
	policyd/kv/kv_etcd_json.h \
	policyd/kv/kv_etcd_lease.c \
	policyd/kv/kv_etcd_link.c \
	policyd/kv/kv_etcd_request.c \
	policyd/kv/kv_etcd_watch.c \
	policyd/kv/kv_sqlite.c \
	policyd/kv/kv_sqlite.h \
	policyd/kv/kv_sqlite_change.c \
	policyd/kv/kv_sqlite_file.c \
	policyd/kv/kv_sqlite_impl.h \
	policyd/kv/kv_sqlite_lease.c \
	policyd/kv/kv_sqlite_watch.c \
	policyd/lease.c \
	policyd/lease.h \
	policyd/lease_impl.h \
	policyd/lease_request.c \
	policyd/list.c \
	policyd/lookup.c \
	policyd/lookup.h \
	policyd/moves.c \
	policyd/names.c \
	policyd/names.h \
	policyd/operation.c \
	policyd/operation.h \
	policyd/operations.c \
	policyd/operations.h \
	policyd/partition.c \
	policyd/partition.h \
	policyd/placement/balance.c \
	policyd/placement/balance.h \
	policyd/placement/brief.c \
	policyd/placement/brief.h \
	policyd/placement/capacity.c \
	policyd/placement/capacity.h \
	policyd/placement/constraint.c \
	policyd/placement/constraint.def \
	policyd/placement/constraint.h \
	policyd/placement/constraint_text.c \
	policyd/placement/counts.c \
	policyd/placement/counts.h \
	policyd/placement/decision.h \
	policyd/placement/evacuate.c \
	policyd/placement/evacuate.h \
	policyd/placement/index.c \
	policyd/placement/index.h \
	policyd/placement/names.c \
	policyd/placement/names.h \
	policyd/placement/place.c \
	policyd/placement/place.h \
	policyd/placement/rebalance.c \
	policyd/placement/rebalance.h \
	policyd/placement/rebalance_even.c \
	policyd/placement/rebalance_impl.h \
	policyd/placement/rebalance_pack.c \
	policyd/placement/rebalance_plan.c \
	policyd/placement/record.c \
	policyd/placement/record.h \
	policyd/placement/replay.c \
	policyd/placement/replay.h \
	policyd/placement/replay_impl.h \
	policyd/placement/replay_read.c \
	policyd/placement/request.h \
	policyd/placement/score.c \
	policyd/placement/score.def \
	policyd/placement/score.h \
	policyd/placement/spare.c \
	policyd/placement/spare.h \
	policyd/placement/step.c \
	policyd/placement/step.h \
	policyd/placement/together.c \
	policyd/placement/together.h \
	policyd/placement/view.c \
	policyd/placement/view.h \
	policyd/placement/view_guest.c \
	policyd/placement/view_host.c \
	policyd/placement/view_impl.h \
	policyd/placement/view_rule.c \
	policyd/placement/waves.c \
	policyd/placement/waves.h \
	policyd/placement/whatif.c \
	policyd/placement/whatif.h \
	policyd/policy.c \
	policyd/policy.h \
	policyd/quota.c \
	policyd/quota.h \
	policyd/reconcile.c \
	policyd/reconcile.h \
	policyd/record.c \
	policyd/record.h \
	policyd/recount.c \
	policyd/recount.h \
	policyd/resources.c \
	policyd/server.c \
	policyd/server.h \
	policyd/service.c \
	policyd/service.h \
	policyd/service_files.c \
	policyd/service_impl.h \
	policyd/session.c \
	policyd/session.h \
	policyd/setup.c \
	policyd/setup.h \
	policyd/standby.c \
	policyd/standby.h \
	policyd/store.c \
	policyd/store.h \
	policyd/store_convert.c \
	policyd/store_impl.h \
	policyd/store_lead.c \
	policyd/store_lead.h \
	policyd/store_load.c \
	policyd/store_open.c \
	policyd/store_record.c \
	policyd/store_records.def \
	policyd/store_whole.c \
	policyd/transfer.c \
	policyd/transfer.h \
	policyd/transfer_text.c \
	policyd/transfer_text.h \
	policyd/undo.c \
	policyd/undo.h
POLICYD_LIBS = policyd/libpolicyd.a libvdc/chan/libchan.a $(FILES_LIBS) \
	$(WIRE_LIBS) \
	$(BASE_LIBS) $(SQLITE_LIBS) $(CURL_LIBS) -lm

sbin_PROGRAMS += policyd/policyd
policyd_policyd_SOURCES = policyd/main.c
policyd_policyd_LDADD = $(POLICYD_LIBS)

policydunitdir = $(systemdsystemunitdir)
nodist_policydunit_DATA = policyd/xen-vdc-policyd.service
dist_policydunit_DATA = policyd/xen-vdc.target
policyd/xen-vdc-policyd.service: policyd/xen-vdc-policyd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) policyd && $(SED) 's|[@]sbindir[@]|$(sbindir)|g' \
		$(srcdir)/policyd/xen-vdc-policyd.service.in > $@
CLEANFILES += policyd/xen-vdc-policyd.service
EXTRA_DIST += policyd/xen-vdc-policyd.service.in policyd/policyd.conf
CONF_FILES += policyd/policyd.conf
dist_man_MANS += doc/man/policyd.8
