# resourced: the resource database of a host.
noinst_LIBRARIES += resourced/libstore.a
resourced_libstore_a_SOURCES = \
	resourced/store.c \
	resourced/store.h \
	resourced/store_encode.c \
	resourced/store_impl.h \
	resourced/store_log.c \
	resourced/store_migrate.c \
	resourced/store_read.c \
	resourced/store_row.c \
	resourced/store_row.h \
	resourced/store_salvage.c \
	resourced/store_schema.c \
	resourced/store_sequence.c \
	resourced/store_sql.h \
	resourced/store_thread.c \
	resourced/store_vfs.c \
	resourced/store_write.c
STORE_LIBS = resourced/libstore.a $(WIRE_LIBS) $(BASE_LIBS) $(SQLITE_LIBS)

sbin_PROGRAMS += resourced/resourced
resourced_resourced_SOURCES = \
	resourced/boot.c \
	resourced/boot.h \
	resourced/channel_rows.c \
	resourced/channel_rows.h \
	resourced/commander.c \
	resourced/commander.h \
	resourced/console_service.c \
	resourced/console_service.h \
	resourced/domain_config.c \
	resourced/domain_config.h \
	resourced/durable.c \
	resourced/durable.h \
	resourced/event_log.c \
	resourced/epoch.c \
	resourced/epoch.h \
	resourced/event_log.h \
	resourced/handlers.c \
	resourced/handlers.h \
	resourced/handlers_certificate.c \
	resourced/handlers_files.c \
	resourced/handlers_resource.c \
	resourced/host.c \
	resourced/host.h \
	resourced/lease.c \
	resourced/lease.h \
	resourced/lease_impl.h \
	resourced/lease_list.c \
	resourced/lifecycle.c \
	resourced/lifecycle.h \
	resourced/live.c \
	resourced/live.h \
	resourced/lock.c \
	resourced/lock.h \
	resourced/main.c \
	resourced/memory.c \
	resourced/memory.h \
	resourced/metrics.c \
	resourced/metrics.h \
	resourced/operation.c \
	resourced/operation.h \
	resourced/migrate.h \
	resourced/migrate_impl.h \
	resourced/migrate_expect.c \
	resourced/migrate_link.c \
	resourced/migrate_pump.c \
	resourced/rate.c \
	resourced/rate.h \
	resourced/migrate_in.c \
	resourced/migrate_out.c \
	resourced/outcome.c \
	resourced/outcome.h \
	resourced/partition.c \
	resourced/partition.h \
	resourced/publish.c \
	resourced/publish.h \
	resourced/published.c \
	resourced/published.h \
	resourced/recovery.c \
	resourced/rebuild.c \
	resourced/rebuild.h \
	resourced/recovery.h \
	resourced/resource.c \
	resourced/resource.h \
	resourced/remote.c \
	resourced/remote.h \
	resourced/resource_list.c \
	resourced/resource_rows.c \
	resourced/resource_rows.h \
	resourced/server.c \
	resourced/server.h \
	resourced/settings.c \
	resourced/settings.h \
	resourced/step.h \
	resourced/step_balloon.c \
	resourced/step_build.c \
	resourced/step_change.c \
	resourced/step_change.h \
	resourced/step_device.c \
	resourced/step_device.h \
	resourced/step_disk.c \
	resourced/step_end.c \
	resourced/step_memory.c \
	resourced/step_nic.c \
	resourced/step_pause.c \
	resourced/step_pci.c \
	resourced/step_pool.c \
	resourced/step_row.c \
	resourced/step_restore.c \
	resourced/step_save.c \
	resourced/step_save.h \
	resourced/step_receive.c \
	resourced/step_send.c \
	resourced/step_send.h \
	resourced/step_sched.c \
	resourced/step_vcpu.c \
	resourced/text.c \
	resourced/text.h \
	resourced/transaction.c \
	resourced/transaction.h \
	resourced/transaction_check.c \
	resourced/transaction_end.c \
	resourced/transaction_impl.h \
	resourced/transaction_keys.c \
	resourced/transaction_lock.c \
	resourced/transaction_prepared.c \
	resourced/transaction_recover.c \
	resourced/transaction_run.c \
	resourced/verify.h \
	resourced/verify.c \
	resourced/verify.h \
	resourced/verify_impl.h \
	resourced/verify_pages.c \
	resourced/verify_pages.h \
	resourced/verify_repair.c \
	resourced/verify_rows.c \
	resourced/verify_xen.c \
	resourced/view.c \
	resourced/view.h \
	resourced/waiter.c \
	resourced/waiter.h
resourced_resourced_LDADD = resourced/libstore.a libvdc/chan/libchan.a \
	$(FILES_LIBS) libvdc/wire/libwire.a \
	$(HV_LIBS) $(BASE_LIBS) $(SQLITE_LIBS) $(TLS_LIBS)

resourcedunitdir = $(systemdsystemunitdir)
nodist_resourcedunit_DATA = resourced/xen-vdc-resourced.service
resourced/xen-vdc-resourced.service: resourced/xen-vdc-resourced.service.in \
		Makefile
	$(AM_V_GEN)$(MKDIR_P) resourced && \
		$(SED) 's|[@]sbindir[@]|$(sbindir)|g' \
		$(srcdir)/resourced/xen-vdc-resourced.service.in > $@
CLEANFILES += resourced/xen-vdc-resourced.service
EXTRA_DIST += resourced/xen-vdc-resourced.service.in resourced/resourced.conf
CONF_FILES += resourced/resourced.conf
dist_man_MANS += doc/man/resourced.8
