"""The documentation: pages in en/ and zh/, what is generated for them, and how the site is built."""
