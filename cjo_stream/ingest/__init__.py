"""Raw records become events: formats, normalising, files.

    decoder(program, tenant_key) -> Decoder         one record of any channel -> Event | InputError
    files.read(paths, decoder, ...)                 recorded files as decoded records, in order
    identifier_hash(tenant_key, type, value)        the name under which an identifier is known

What lives here knows bytes, formats and the outside's habits; it keeps no state of a customer and
routes nothing.
"""

from cjo_stream.ingest.decoder import Decoder, decoder
from cjo_stream.ingest.identifier import identifier_hash

__all__ = ["Decoder", "decoder", "identifier_hash"]
