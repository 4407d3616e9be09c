"""How alike two submissions are: adapters, code, predictions. Numbers in, numbers out; reads no file, judges nobody."""
