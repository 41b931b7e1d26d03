# automationd: requests in xenstore.
noinst_LIBRARIES += automation/libautomation.a
automation_libautomation_a_SOURCES = \
	automation/answer.c \
	automation/answer.h \
	automation/command.c \
	automation/command.h \
	automation/guest.c \
	automation/guest.h \
	automation/job.c \
	automation/job.h \
	automation/request.c \
	automation/request.h \
	automation/run.c \
	automation/run.h \
	automation/setup.c \
	automation/setup.h
automation_libautomation_a_CPPFLAGS = $(AM_CPPFLAGS) -DBINDIR='"$(bindir)"'

sbin_PROGRAMS += automation/automationd
automation_automationd_SOURCES = automation/main.c
automation_automationd_LDADD = automation/libautomation.a $(HV_LIBS) \
	$(BASE_LIBS)

automationunitdir = $(systemdsystemunitdir)
nodist_automationunit_DATA = automation/xen-vdc-automation.service
automation/xen-vdc-automation.service: \
		automation/xen-vdc-automation.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) automation && \
		$(SED) 's|[@]sbindir[@]|$(sbindir)|g' \
		$(srcdir)/automation/xen-vdc-automation.service.in > $@
CLEANFILES += automation/xen-vdc-automation.service
EXTRA_DIST += automation/xen-vdc-automation.service.in \
	automation/automation.conf
CONF_FILES += automation/automation.conf
dist_man_MANS += doc/man/automationd.8
