# channeld: the broker of memory channels; it makes none yet.
sbin_PROGRAMS += channeld/channeld
channeld_channeld_SOURCES = \
	channeld/main.c \
	channeld/server.c \
	channeld/server.h \
	channeld/setup.c \
	channeld/setup.h
channeld_channeld_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

channeldunitdir = $(systemdsystemunitdir)
nodist_channeldunit_DATA = channeld/xen-vdc-channeld.service
channeld/xen-vdc-channeld.service: channeld/xen-vdc-channeld.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) channeld && $(SED) 's|[@]sbindir[@]|$(sbindir)|g' \
		$(srcdir)/channeld/xen-vdc-channeld.service.in > $@
CLEANFILES += channeld/xen-vdc-channeld.service
EXTRA_DIST += channeld/xen-vdc-channeld.service.in channeld/channeld.conf
CONF_FILES += channeld/channeld.conf
dist_man_MANS += doc/man/channeld.8
