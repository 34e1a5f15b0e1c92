"""The fire drill: an installation in which things go wrong on purpose, one by one.

    broker ── intake, two workers, dispatch, learn, insight ── traffic, channel systems
                 │ scraped
              Prometheus ── Alertmanager ── the receiver: what would wake somebody

drilling      one fault: it begins, is told, is mended by the runbook, ends
looking       whether the commands of the page work while the fault is there
fault         every fault, as data; `faults` has what they do, by rooms
runbook       the commands and words of a page in deploy/runbooks, with the real names filled in
installation  the broker and the processes
traffic       what is sent to them, and the channel systems that take the commands
topology      the definitions of the drill's shop
watching      Prometheus, Alertmanager and the receiver
panel         the queries of all dashboards, asked again and again
picture       all dashboards as pages, drawn from the drill
broken        cjo-stream with a defect, for the fault that needs one

`make drill` runs all of it: docs/monitoring.md has the last table.
"""
