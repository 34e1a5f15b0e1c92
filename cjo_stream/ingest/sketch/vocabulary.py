"""Words of column names, and what columns of such names are for, in four languages.

Names are in snake case: `Kunden-Nr` is kunden_nr, `Numéro client` numero_client.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

TIME: Final = (
    "timestamp", "event_timestamp", "event_time", "occurred_at", "occurred", "time_timestamp",
    "complete_timestamp", "datetime", "date_time", "ts", "zeitstempel", "zeitpunkt", "horodatage",
    "fecha_hora", "time", "event_date", "created_at", "created", "invoice_date", "invoicedate",
    "order_date", "orderdate", "date", "datum", "fecha", "sent_at", "received_at", "start_time",
    "start_timestamp",
)  # fmt: skip
"""The best first."""
TIME_WORDS: Final = frozenset(
    ("time", "timestamp", "date", "datetime", "ts", "at", "on", "day", "when", "epoch", "unixtime",
     "datum", "zeit", "zeitpunkt", "zeitstempel", "uhrzeit", "fecha", "hora", "heure", "jour",
     "horodatage")
)  # fmt: skip
TIME_ENDS: Final = ("datum", "zeitpunkt", "zeitstempel")
CLOCK_WORDS: Final = frozenset(("time", "clock", "hour", "zeit", "uhrzeit", "heure", "hora"))
CLOCK_MARKS: Final = frozenset(("event", "start", "local"))
"""Words that a clock's name may have beside them, and the day's need not."""
TYPE: Final = (
    "event_type", "event_name", "event", "eventtype", "eventname", "concept_name", "activity",
    "activity_name", "action", "action_type", "type", "interaction", "behavior", "behaviour",
    "behavior_type", "ereignis", "aktion", "evenement", "evento", "accion", "typ", "tipo", "name",
    "task", "step", "page", "status", "kind",
)  # fmt: skip
TYPE_WHOLE: Final = frozenset(("name", "page", "step", "status", "kind"))
"""Of them, those that mean something else as the last word of a name: `first_name`."""
PERSON: Final = frozenset(
    ("user", "customer", "client", "member", "subscriber", "account", "person", "contact",
     "patient", "player", "master", "household", "card", "cust", "uid", "visitorid", "userid",
     "customerid", "clientid", "memberid", "masterid", "accountid", "student", "applicant",
     "pupil", "patron", "borrower", "passenger", "donor", "attendee", "policyholder",
     "kunde", "kunden", "kundin", "kd", "benutzer", "nutzer", "mitglied", "mitglieds", "abonnent",
     "abonnenten", "konto", "teilnehmer", "personen", "versicherten", "patienten",
     "clients", "utilisateur", "abonne", "adherent", "membre", "compte", "personne", "assure",
     "cliente", "clientes", "usuario", "abonado", "miembro", "socio", "cuenta", "suscriptor",
     "titular", "persona")
)  # fmt: skip
BROWSER: Final = frozenset(
    ("visitor", "anonymous", "cookie", "device", "browser", "installation", "idfa", "besucher",
     "gerat", "geraete", "visiteur", "appareil", "visitante", "dispositivo")
)  # fmt: skip
SESSION: Final = frozenset(
    ("session", "sessionid", "sess", "visit", "sitzung", "sitzungs", "besuch", "visite", "sesion",
     "visita")
)  # fmt: skip
CASE_NAMES: Final = frozenset(("case_concept_name", "case_name", "trace_concept_name"))
"""As process logs (IEEE 1849, XES) name them."""
CASE: Final = frozenset(
    ("case", "caseid", "trace", "ticket", "order", "application", "incident", "loan", "vorgang",
     "vorgangs", "auftrag", "auftrags", "bestellung", "bestell", "antrag", "antrags", "commande",
     "dossier", "caso", "pedido", "expediente", "solicitud")
)  # fmt: skip
ID: Final = frozenset(
    ("id", "ids", "key", "no", "nr", "number", "uuid", "guid", "ref", "code", "nummer", "kennung",
     "schlussel", "referenz", "numero", "num", "n", "nro", "identifiant", "reference", "cle",
     "identificador", "codigo", "clave", "referencia")
)  # fmt: skip
THINGS: Final = frozenset(
    ("item", "product", "sku", "article", "page", "category", "campaign", "offer", "resource",
     "store", "shop", "branch", "position", "ad", "content", "movie", "song", "course", "artikel",
     "produkt", "kategorie", "kampagne", "filiale", "produit", "categorie", "magasin", "articulo",
     "producto", "categoria", "tienda")
)  # fmt: skip
"""What is offered, not who it is offered to."""
OWN_ID: Final = ("event_id", "message_id", "messageid", "eventid", "event_uuid", "insert_id")
PHONE: Final = frozenset(
    ("phone", "mobile", "msisdn", "telephone", "cell", "tel", "telefon", "telefonnummer", "handy",
     "handynummer", "mobil", "mobilnummer", "rufnummer", "portable", "telefono", "movil",
     "celular")
)  # fmt: skip
_ARTICLES: Final = frozenset(
    ("de", "del", "du", "des", "der", "die", "das", "la", "le", "el", "of", "the")
)
_COMPOUND: Final = re.compile(r"(.+?)(nummer|nr|kennung|number|no|num|id)")


def words_of(name: Sequence[str]) -> list[str]:
    """Return the words of a name without articles, and with compounds parted.

    >>> words_of(["kundennummer"]), words_of(["codigo", "de", "cliente"]), words_of(["casino"])
    (['kunden', 'nummer'], ['codigo', 'cliente'], ['casino'])
    """
    words: list[str] = []
    for word in name:
        parts = _COMPOUND.fullmatch(word)
        if parts and any(parts[1] in known for known in (PERSON, BROWSER, SESSION, CASE)):
            words += parts.groups()
        elif word not in _ARTICLES or len(name) == 1:
            words.append(word)
    return words
