"""A real record of each kind, by its schema's name; drawn by `python -m tests.docs`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

EXAMPLES: Final[dict[str, Any]] = msgspec.json.decode(
    r"""
{
 "cjo.action.v1": {
  "schema": "cjo.action.v1",
  "action_id": "08425db9fd399815e6fb47ec77e3156aef0000-a3",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "topology": "story",
  "action": "cart_reminder",
  "issue": null,
  "group": "carts",
  "class": "marketing",
  "channel": "email",
  "template": "cart_v1",
  "payload": {
   "total": 80,
   "tier": "basic"
  },
  "address": {
   "type": "email",
   "value": "ada@example.com"
  },
  "issued_at": 1772447400000,
  "expires_at": 1773052200000,
  "decision_id": "08425db9fd399815e6fb47ec77e3156aef0000-d2",
  "journey": {
   "name": "cart_recovery",
   "version": 1,
   "instance_id": "1803209ecdb04a8c99529ecbb5257e5b610000-i1",
   "state": "reminded"
  }
 },
 "cjo.decision.v1": {
  "schema": "cjo.decision.v1",
  "decision_id": "08425db9fd399815e6fb47ec77e3156aef0000-d2",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "time": 1772447400000,
  "trigger": {
   "kind": "timer",
   "id": "1803209ecdb04a8c99529ecbb5257e5b610000-i1",
   "type": null
  },
  "request": {
   "act": "cart_reminder"
  },
  "journey": {
   "name": "cart_recovery",
   "version": 1,
   "instance_id": "1803209ecdb04a8c99529ecbb5257e5b610000-i1",
   "state": "reminded"
  },
  "candidates": [
   {
    "action": "cart_reminder",
    "channel": "email",
    "gate": null,
    "rule": null,
    "P": null,
    "C": null,
    "V": null,
    "L": null,
    "priority": null
   }
  ],
  "chosen": {
   "action": "cart_reminder",
   "channel": "email"
  },
  "suppressed": null,
  "probability": 1.0,
  "deferred_until": null,
  "model_version": null
 },
 "cjo.reward.v1": {
  "schema": "cjo.reward.v1",
  "decision_id": "08425db9fd399815e6fb47ec77e3156aef0000-d2",
  "action_id": "08425db9fd399815e6fb47ec77e3156aef0000-a3",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "action": "cart_reminder",
  "channel": "email",
  "features": [
   0,
   2289
  ],
  "probability": 1.0,
  "outcome": "accept",
  "value": null,
  "reward": 1,
  "issued_at": 1772447400000,
  "time": 1772533800000
 },
 "cjo.transition.v1": {
  "schema": "cjo.transition.v1",
  "transition_id": "08425db9fd399815e6fb47ec77e3156aef0000-t5",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "journey": "cart_recovery",
  "version": 1,
  "instance_id": "1803209ecdb04a8c99529ecbb5257e5b610000-i1",
  "key": "k1",
  "from": "reminded",
  "to": null,
  "reason": "exited",
  "outcome": "bought",
  "time": 1772449200000,
  "trigger": {
   "kind": "event",
   "id": "events.jsonl/0/6",
   "type": "order_placed"
  },
  "holdout": false
 },
 "cjo.identity.v1": {
  "schema": "cjo.identity.v1",
  "kind": "merged",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "absorbed": [
   "1803209ecdb04a8c99529ecbb5257e5b610000"
  ],
  "identifiers": [
   {
    "type": "cookie",
    "value": "c7"
   }
  ],
  "event_id": "events.jsonl/0/3",
  "reason": null,
  "time": 1772445900000
 },
 "cjo.profile.v1": {
  "schema": "cjo.profile.v1",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "identifiers": {
   "cookie": [
    "c7"
   ],
   "email": [
    "ada@example.com"
   ],
   "user_id": [
    "u1"
   ]
  },
  "facts": {},
  "traits": {
   "carts": 1
  },
  "time": 1772445900000
 },
 "cjo.dead_letter.v1": {
  "reason": "malformed",
  "detail": "JSON is malformed: invalid character (byte 4)",
  "topic": "events.jsonl",
  "partition": 0,
  "offset": 4,
  "value": "no JSON"
 },
 "cjo.governance.v1": {
  "schema": "cjo.governance.v1",
  "kind": "applied",
  "topology": "story",
  "set": 1,
  "time": 1772442000000
 },
 "cjo.prediction.v1": {
  "schema": "cjo.prediction.v1",
  "prediction_id": "1803209ecdb04a8c99529ecbb5257e5b610000-p3",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "predict": "orders",
  "definition": "dbd457e4",
  "probability": 0.3,
  "model_version": 0,
  "features": [
   0,
   2289
  ],
  "outcome": 1,
  "opened_at": 1772445600000,
  "time": 1772532000000
 },
 "cjo.measure.v1": {
  "schema": "cjo.measure.v1",
  "customer_id": "08425db9fd399815e6fb47ec77e3156aef0000",
  "measure": "basket",
  "value": 80.0,
  "time": 1772449200000,
  "trigger": {
   "kind": "event",
   "id": "events.jsonl/0/6",
   "type": "order_placed"
  },
  "journey": null,
  "version": null,
  "instance_id": null,
  "state": null
 }
}
"""
)
