"""Two well-made documents with, but for calls and processes, every member that a document may have."""

from __future__ import annotations

from pgworker.dsl.load import load
from pgworker.types import JsonObject

_FIRST = r"""
document:
  dsl: 1.0.3
  namespace: default
  name: everything
  version: 1.0.0-rc.1+build
  title: T
  summary: S
  tags: {a: b}
  metadata:
    c: {d: 1}
input:
  schema:
    format: json
    document: {type: object}
  from: .
use:
  authentications:
    basics:
      basic: {username: u, password: p}
  errors:
    late: {type: https://example.com/late, status: 408, title: Late, detail: '${ "x" }',
        instance: /do/0}
  extensions:
  - logs:
      extend: all
      when: 'true'
      before:
      - first:
          set: {a: 1}
      after:
      - last:
          set: {a: 1}
  functions:
    twice:
      set: {a: '${ .n * 2 }'}
  retries:
    often:
      when: 'true'
      exceptWhen: 'false'
      delay: PT1S
      backoff:
        linear: {}
      limit:
        attempt: {count: 2, duration: PT1M}
        duration: {hours: 1}
      jitter:
        from: {milliseconds: 1}
        to: PT1S
  secrets: [token]
  timeouts:
    short:
      after: {seconds: 5}
  catalogs:
    ours:
      endpoint:
        uri: https://example.com/catalog
        authentication: {use: basics}
timeout: short
output:
  schema: {document: true}
  as: {a: .}
schedule:
  every: {days: 1, hours: 1, minutes: 1, seconds: 1, milliseconds: 1}
evaluate: {language: jq, mode: strict}
do:
- all:
    if: 'true'
    input:
      schema:
        document: {}
      from: {a: '${ . }'}
    output:
      schema:
        document: {}
      as: .
    export:
      schema:
        document: {}
      as: .
    timeout: {after: PT1M}
    then: continue
    metadata: {a: b}
    do:
    - attempt:
        try:
        - boom:
            raise: {error: late}
        catch:
          errors:
            with: {type: t, status: 400, instance: i, title: t, detail: d}
          as: problem
          when: 'true'
          exceptWhen: 'false'
          retry: often
          do:
          - note: {set: '${ $problem }'}
          then: exit
    - again:
        call: twice
        with: {n: 1}
    - both:
        fork:
          compete: false
          branches:
          - a:
              wait: {seconds: 1}
          - b: {wait: '${ .t }', then: end}
"""

_SECOND = r"""
document: {dsl: 1.0.3, namespace: default, name: everything, version: 1.0.0}
schedule:
  on:
    any:
    - with: {type: a}
  read: envelope
do:
- one:
    for: {each: x, in: '[1]', at: i}
    while: $i < 3
    do:
    - a:
        set: {a: '${ $x }'}
    then: two
- two:
    switch:
    - a: {when: .a, then: exit}
    - b: {then: end}
- three:
    emit:
      event:
        with:
          id: i
          source: https://x
          type: t
          time: '2024-01-01T00:00:00Z'
          subject: s
          datacontenttype: application/json
          dataschema: https://x/s
          data: {a: 1}
          extra: 1
- four:
    listen:
      to:
        any:
        - with: {type: a, source: '${ .s }', data: '${ .a > 1 }', time: '${ .t }', subject: a.*}
          correlate:
            k: {from: .k, expect: '${ .k }'}
        until:
          all:
          - with: {type: b}
      read: raw
    foreach:
      item: e
      at: n
      do:
      - a:
          set: {a: '${ $e }'}
      output: {as: .}
      export: {as: .}
- five:
    run:
      workflow:
        namespace: a
        name: b
        version: latest
        input: {a: '${ . }'}
      await: false
      return: none
- six:
    listen:
      to:
        any:
        - with: {type: a}
        until: . > 1
- seven:
    try:
    - a: {wait: P1D}
    catch:
      retry:
        backoff:
          constant: {}
        delay: {seconds: 1}
- eight:
    raise:
      error: {type: '${ .t }', status: 400, instance: '${ .i }'}
"""

EVERYTHING: list[JsonObject] = [load(text).value for text in (_FIRST, _SECOND)]
