# xl-ext: the command xl-vdc, its manual pages and shell completion.
noinst_LIBRARIES += xl-ext/libxlext.a
xl_ext_libxlext_a_SOURCES = \
	xl-ext/change.c \
	xl-ext/change.h \
	xl-ext/change_print.c \
	xl-ext/client.c \
	xl-ext/client.h \
	xl-ext/channel.c \
	xl-ext/channel.h \
	xl-ext/channel_list.h \
	xl-ext/cmd_audit.c \
	xl-ext/cmd_block.c \
	xl-ext/cmd_certificate.c \
	xl-ext/cmd_channel.c \
	xl-ext/cmd_channel_pipe.c \
	xl-ext/cmd_channel_top.c \
	xl-ext/cmd_console.c \
	xl-ext/cmd_create.c \
	xl-ext/cmd_customer.c \
	xl-ext/cmd_dc.c \
	xl-ext/cmd_events.c \
	xl-ext/cmd_guest.c \
	xl-ext/cmd_help.c \
	xl-ext/cmd_host.c \
	xl-ext/cmd_identity.c \
	xl-ext/cmd_image.c \
	xl-ext/cmd_lease.c \
	xl-ext/cmd_list.c \
	xl-ext/cmd_memory.c \
	xl-ext/cmd_migrate.c \
	xl-ext/cmd_moves.c \
	xl-ext/cmd_network.c \
	xl-ext/cmd_pci.c \
	xl-ext/cmd_policy.c \
	xl-ext/cmd_fence.c \
	xl-ext/cmd_rebalance.c \
	xl-ext/cmd_resource.c \
	xl-ext/cmd_state.c \
	xl-ext/cmd_status.c \
	xl-ext/cmd_store.c \
	xl-ext/cmd_token.c \
	xl-ext/cmd_top.c \
	xl-ext/cmd_transaction.c \
	xl-ext/cmd_usage.c \
	xl-ext/cmd_vcpu.c \
	xl-ext/cmd_verify.c \
	xl-ext/cmd_why.c \
	xl-ext/command.c \
	xl-ext/command.h \
	xl-ext/console.h \
	xl-ext/credential.c \
	xl-ext/credential.h \
	xl-ext/customer.h \
	xl-ext/customer_limits.c \
	xl-ext/customer_print.c \
	xl-ext/devices.c \
	xl-ext/devices.h \
	xl-ext/digest.h \
	xl-ext/each.c \
	xl-ext/each.h \
	xl-ext/families.h \
	xl-ext/forecast.c \
	xl-ext/forecast.h \
	xl-ext/generate.c \
	xl-ext/generate.h \
	xl-ext/generate_cfg.c \
	xl-ext/generate_completion.c \
	xl-ext/generate_man.c \
	xl-ext/guest.c \
	xl-ext/guest.h \
	xl-ext/host_show.c \
	xl-ext/host_show.h \
	xl-ext/join.h \
	xl-ext/moves.h \
	xl-ext/operation.c \
	xl-ext/operation.h \
	xl-ext/operation_amounts.c \
	xl-ext/operation_devices.c \
	xl-ext/operation_impl.h \
	xl-ext/output.c \
	xl-ext/output.h \
	xl-ext/remote.h \
	xl-ext/road.c \
	xl-ext/road.h \
	xl-ext/screen.c \
	xl-ext/screen.h \
	xl-ext/token.c \
	xl-ext/token.h \
	xl-ext/when.c \
	xl-ext/when.h \
	xl-ext/xl_names.c \
	xl-ext/xl_names.h \
	xl-ext/xlcfg.c \
	xl-ext/xlcfg.h \
	xl-ext/xlcfg_cpu.c \
	xl-ext/xlcfg_extra.c \
	xl-ext/xlcfg_impl.h \
	xl-ext/xlcfg_keys.c \
	xl-ext/xlcfg_keys.def \
	xl-ext/xlcfg_pci.c \
	xl-ext/xlcfg_place.c \
	xl-ext/xlcfg_set.c \
	xl-ext/xlcfg_vif.c

# What prints tables, and what speaks TLS, are other files for the guest's
# program.
noinst_LIBRARIES += xl-ext/libtable.a
xl_ext_libtable_a_SOURCES = xl-ext/output_table.c xl-ext/remote.c \
	xl-ext/digest.c \
	xl-ext/join.c \
	xl-ext/join_policyd.c \
	xl-ext/leave.c

XLEXT_LIBS = xl-ext/libxlext.a xl-ext/libtable.a libvdc/chan/libchan.a \
	$(WIRE_LIBS) $(BASE_LIBS) $(SMARTCOLS_LIBS) $(TLS_LIBS)

bin_PROGRAMS += xl-ext/xl-vdc
xl_ext_xl_vdc_SOURCES = xl-ext/main.c
xl_ext_xl_vdc_LDADD = $(XLEXT_LIBS)

# The same for inside a guest, from libraries that can be linked statically,
# for an initramfs: configure --with-xen=no, make xl-ext/xl-vdc-guest
# LDFLAGS=-static YAJL_LIBS=-lyajl_s.
noinst_PROGRAMS += xl-ext/xl-vdc-guest
xl_ext_xl_vdc_guest_SOURCES = xl-ext/main.c xl-ext/output_plain.c \
	xl-ext/remote_none.c
xl_ext_xl_vdc_guest_LDADD = xl-ext/libxlext.a libvdc/chan/libchan.a \
	$(WIRE_LIBS) $(BASE_LIBS)

# Made by the program itself from its tables.
XLEXT_PAGES = doc/man/xl-vdc.1 doc/man/xl-vdc.cfg.5
nodist_man_MANS += $(XLEXT_PAGES)
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = xl-ext/completion/xl-vdc
CLEANFILES += $(XLEXT_PAGES) xl-ext/completion/xl-vdc

XLEXT_GENERATE = $(AM_V_GEN)$(MKDIR_P) $(@D) && xl-ext/xl-vdc$(EXEEXT)

doc/man/xl-vdc.1: xl-ext/xl-vdc$(EXEEXT)
	$(XLEXT_GENERATE) --generate-man >$@.tmp && mv $@.tmp $@
doc/man/xl-vdc.cfg.5: xl-ext/xl-vdc$(EXEEXT)
	$(XLEXT_GENERATE) --generate-man-cfg >$@.tmp && mv $@.tmp $@
xl-ext/completion/xl-vdc: xl-ext/xl-vdc$(EXEEXT)
	$(XLEXT_GENERATE) --generate-completion >$@.tmp && mv $@.tmp $@
