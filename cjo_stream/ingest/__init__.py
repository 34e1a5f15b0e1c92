"""Raw records become events: formats, normalising, files.

    decoder(program, tenant_key) -> Decoder         one record of any channel -> Event | InputError
    files.read(paths, decoder, ...)                 recorded files as decoded records, in order
    identifier_hash(tenant_key, type, value)        the name of an identifier in keys and logs

This package knows bytes and formats; it keeps no state of customers, and does not route.
"""

from cjo_stream.ingest.decoder import Decoder, codecs, decoder
from cjo_stream.ingest.identifier import identifier_hash

__all__ = ["Decoder", "codecs", "decoder", "identifier_hash"]
