"""Where a task's state lies: the stores behind `engine.port.Store`, and their checkpoints.

Here live the RocksDB store (`rocks`), the sorted in-memory one (`memory`) and the copies that
outlive a host (`checkpoint`), in folders that only their owner may enter (`private`). `export` is
a folder with a customer base on its way to another installation. Stores know bytes in byte order;
only the engine knows the meaning of keys and values. All stores keep one contract,
`cjo_stream.testing.store_contract`.
"""
