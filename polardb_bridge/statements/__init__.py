"""The statements of PolarDB for AI: `parser` reads them, `syntax` has them as values. No Django here."""
