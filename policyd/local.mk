# policyd: customers, quotas, placement, and the resource service of its host.
noinst_LIBRARIES += policyd/libpolicyd.a
policyd_libpolicyd_a_SOURCES = \
	policyd/auth.c \
	policyd/auth.h \
	policyd/book.c \
	policyd/book.h \
	policyd/command.c \
	policyd/command.h \
	policyd/console.c \
	policyd/console.h \
	policyd/create.c \
	policyd/customer.c \
	policyd/events.c \
	policyd/events.h \
	policyd/files.c \
	policyd/files.h \
	policyd/host.c \
	policyd/list.c \
	policyd/lookup.c \
	policyd/lookup.h \
	policyd/names.c \
	policyd/names.h \
	policyd/operations.c \
	policyd/operations.h \
	policyd/partition.c \
	policyd/partition.h \
	policyd/placement.c \
	policyd/placement.h \
	policyd/policy.c \
	policyd/policy.h \
	policyd/quota.c \
	policyd/quota.h \
	policyd/reconcile.c \
	policyd/reconcile.h \
	policyd/server.c \
	policyd/server.h \
	policyd/service.c \
	policyd/service.h \
	policyd/session.c \
	policyd/session.h \
	policyd/setup.c \
	policyd/setup.h \
	policyd/store.h \
	policyd/store_sqlite.c
POLICYD_LIBS = policyd/libpolicyd.a libvdc/chan/libchan.a $(WIRE_LIBS) \
	$(BASE_LIBS) $(SQLITE_LIBS)

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
