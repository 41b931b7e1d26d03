# channeld: the broker of memory channels.
noinst_LIBRARIES += channeld/libchanneld.a
channeld_libchanneld_a_SOURCES = \
	channeld/limit.c \
	channeld/limit.h \
	channeld/party.c \
	channeld/party.h \
	channeld/registry.c \
	channeld/registry.h \
	channeld/rule.c \
	channeld/rule.h \
	channeld/rule_parse.c
CHANNELD_LIBS = channeld/libchanneld.a libvdc/chan/libchan.a $(WIRE_LIBS) \
	$(BASE_LIBS)

sbin_PROGRAMS += channeld/channeld
channeld_channeld_SOURCES = \
	channeld/main.c \
	channeld/server.c \
	channeld/server.h \
	channeld/setup.c \
	channeld/setup.h
channeld_channeld_LDADD = $(CHANNELD_LIBS)

channeldunitdir = $(systemdsystemunitdir)
nodist_channeldunit_DATA = channeld/xen-vdc-channeld.service
channeld/xen-vdc-channeld.service: channeld/xen-vdc-channeld.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) channeld && $(SED) 's|[@]sbindir[@]|$(sbindir)|g' \
		$(srcdir)/channeld/xen-vdc-channeld.service.in > $@
CLEANFILES += channeld/xen-vdc-channeld.service
EXTRA_DIST += channeld/xen-vdc-channeld.service.in channeld/channeld.conf
EXTRA_DIST += channeld/channel.rules
CONF_FILES += channeld/channeld.conf channeld/channel.rules
dist_man_MANS += doc/man/channeld.8
