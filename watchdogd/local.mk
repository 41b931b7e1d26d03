# watchdogd: stops its host when it does not hear the majority of the hosts.
noinst_LIBRARIES += watchdogd/libwatchdogd.a
watchdogd_libwatchdogd_a_SOURCES = \
	watchdogd/guard.c \
	watchdogd/guard.h \
	watchdogd/identity.c \
	watchdogd/identity.h \
	watchdogd/message.c \
	watchdogd/message.h \
	watchdogd/peers.c \
	watchdogd/peers.h \
	watchdogd/server.c \
	watchdogd/server.h \
	watchdogd/settings.c \
	watchdogd/settings.h \
	watchdogd/slot.c \
	watchdogd/slot.h \
	watchdogd/state.c \
	watchdogd/state.h \
	watchdogd/vote.c \
	watchdogd/vote.h
WATCHDOGD_LIBS = watchdogd/libwatchdogd.a libvdc/wire/libwire.a $(HV_LIBS) \
	$(BASE_LIBS) $(TLS_LIBS)

sbin_PROGRAMS += watchdogd/watchdogd
watchdogd_watchdogd_SOURCES = watchdogd/main.c
watchdogd_watchdogd_LDADD = $(WATCHDOGD_LIBS)

watchdogdunitdir = $(systemdsystemunitdir)
nodist_watchdogdunit_DATA = watchdogd/xen-vdc-watchdogd.service
watchdogd/xen-vdc-watchdogd.service: watchdogd/xen-vdc-watchdogd.service.in \
		Makefile
	$(AM_V_GEN)$(MKDIR_P) watchdogd && \
		$(SED) 's|[@]sbindir[@]|$(sbindir)|g' \
		$(srcdir)/watchdogd/xen-vdc-watchdogd.service.in > $@
CLEANFILES += watchdogd/xen-vdc-watchdogd.service
EXTRA_DIST += watchdogd/xen-vdc-watchdogd.service.in watchdogd/watchdogd.conf
CONF_FILES += watchdogd/watchdogd.conf
dist_man_MANS += doc/man/watchdogd.8
