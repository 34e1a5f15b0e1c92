"""Where a task's state lies: the stores behind `engine.port.Store`, and their checkpoints.

Here live the RocksDB store (`rocks`), the sorted in-memory one (`memory`) and the copies that
outlive a host (`checkpoint`), in folders that nobody else may enter (`private`). What the keys and
values mean is the engine's business: a store knows bytes in byte order. All stores keep one
contract, `cjo_stream.testing.store_contract`.
"""
