# doc: the generated protocol document is kept in the tree, so that it can be
# read without building; a test holds it against the table.
noinst_PROGRAMS += doc/protocol_doc
doc_protocol_doc_SOURCES = doc/protocol_doc.c
doc_protocol_doc_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

.PHONY: update-protocol
update-protocol: doc/protocol_doc$(EXEEXT)
	doc/protocol_doc$(EXEEXT) > $(srcdir)/doc/protocol.md

dist_doc_DATA = doc/channel-layout.md doc/protocol.md doc/xenstore-paths.md
EXTRA_DIST += tests/unit/wire/test-protocol-doc.sh
TESTS += tests/unit/wire/test-protocol-doc.sh
