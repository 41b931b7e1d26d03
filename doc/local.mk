# doc: the generated protocol document is kept in the tree, so that it can be
# read without building; a test holds it against the table.
noinst_PROGRAMS += doc/protocol_doc
doc_protocol_doc_SOURCES = doc/protocol_doc.c
doc_protocol_doc_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

.PHONY: update-protocol
update-protocol: doc/protocol_doc$(EXEEXT)
	doc/protocol_doc$(EXEEXT) > $(srcdir)/doc/protocol.md

dist_doc_DATA = doc/channel-layout.md doc/protocol.md doc/xenstore-paths.md
EXTRA_DIST += tests/unit/wire/test-protocol-doc.sh \
	doc/ARCHITECTURE.md \
	doc/CODING_STYLE.md \
	doc/READING.md \
	doc/design/001-decisions.md \
	doc/design/002-libxl-in-threads.md \
	doc/design/003-transactions.md \
	doc/design/004-resource-database.md \
	doc/design/005-channels.md \
	doc/design/006-placement.md \
	doc/design/007-hosts.md \
	doc/design/008-explanations.md \
	doc/design/009-rebalance.md \
	doc/design/010-data-center-store.md \
	doc/design/011-customers.md \
	doc/design/012-tls.md \
	doc/design/013-joining.md \
	doc/design/014-metrics.md \
	doc/design/015-migration.md \
	doc/design/016-fencing.md \
	doc/design/017-images.md \
	doc/design/018-automation.md \
	doc/design/019-restart.md
TESTS += tests/unit/wire/test-protocol-doc.sh
