# channeld: the broker of memory channels.
noinst_LIBRARIES += channeld/libchanneld.a
channeld_libchanneld_a_SOURCES = \
	channeld/account.c \
	channeld/account.h \
	channeld/control.c \
	channeld/control.h \
	channeld/domain.c \
	channeld/domain.h \
	channeld/exchange.c \
	channeld/exchange.h \
	channeld/exchange_ask.c \
	channeld/exchange_ask.h \
	channeld/guest.c \
	channeld/guest.h \
	channeld/guest_forward.c \
	channeld/guest_host.c \
	channeld/guest_impl.h \
	channeld/guest_program.c \
	channeld/handlers.c \
	channeld/hello.c \
	channeld/hello.h \
	channeld/host.c \
	channeld/host.h \
	channeld/limit.c \
	channeld/limit.h \
	channeld/memory.c \
	channeld/memory.h \
	channeld/party.c \
	channeld/party.h \
	channeld/peer.c \
	channeld/peer.h \
	channeld/program.c \
	channeld/program.h \
	channeld/quota.c \
	channeld/quota.h \
	channeld/quota_serve.c \
	channeld/quota_serve.h \
	channeld/registry.c \
	channeld/registry.h \
	channeld/remote.c \
	channeld/remote.h \
	channeld/remote_grant.c \
	channeld/remote_sim.c \
	channeld/rendezvous.c \
	channeld/rendezvous.h \
	channeld/rule.c \
	channeld/rule.h \
	channeld/rule_parse.c \
	channeld/secret.c \
	channeld/secret.h \
	channeld/sequence.c \
	channeld/sequence.h \
	channeld/setup.c \
	channeld/setup.h \
	channeld/setup_users.c \
	channeld/uplink.c \
	channeld/uplink.h \
	channeld/uplink_grant.c \
	channeld/uplink_sim.c \
	channeld/xenbus.c \
	channeld/xenbus.h
CHANNELD_LIBS = channeld/libchanneld.a libvdc/chan/libchan.a $(WIRE_LIBS) \
	$(BASE_LIBS)

# The guest's role alone: no hypervisor interface is in it.  Statically, for an
# initramfs: configure --with-xen=no, make channeld/channeld-guest
# LDFLAGS=-static YAJL_LIBS=-lyajl_s.
sbin_PROGRAMS += channeld/channeld channeld/channeld-guest
channeld_channeld_guest_SOURCES = channeld/main_guest.c
channeld_channeld_guest_LDADD = $(CHANNELD_LIBS)
channeld_channeld_SOURCES = channeld/main.c
channeld_channeld_LDADD = channeld/libchanneld.a libvdc/chan/libchan.a \
	$(WIRE_LIBS) $(HV_LIBS) $(BASE_LIBS)

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
