# SPDX-License-Identifier: GPL-2.0-only
"""What a soak does and when: drawn from its seed before anything runs.

A longer soak of the same seed begins as the shorter one does.
"""

import collections
import random

DEVICES = ('h', 'f')
# with 'disk' a server has little to lose: less often
LEVELS = ('ram',) * 4 + ('server',) * 4 + ('disk',)

Fault = collections.namedtuple('Fault', 'number gap kind args')
Plan = collections.namedtuple('Plan', 'seed options load faults')


def seconds(rng, low, high):
    return round(rng.uniform(low, high), 1)


def some_devices(rng):
    return rng.choice((('h',), ('f',), DEVICES))


def device_options(rng):
    """How a device is attached: the acknowledgement level and the rest."""
    options = {'ack': rng.choice(LEVELS), 'lanes': rng.randint(1, 4),
               'keepalive': rng.choice(('2s', '5s')),
               'io-timeout': rng.choice(('4s', '30s'))}
    if rng.random() < 0.3:
        options['mem-limit'] = rng.choice(('1M', '4M'))
    if rng.random() < 0.3:
        options['digest'] = True
    return options


def both_options(rng):
    return {d: device_options(rng) for d in DEVICES}


# -- what each kind of fault draws -------------------------------------------

def server_cut(rng):
    return {'off': seconds(rng, 0, 4),
            # cut again before the client is through with its replay
            'again': rng.choice((0, 0, 0, 1, 2)),
            'after': seconds(rng, 0, 1.5),
            'link': rng.choice(('up', 'up', 'down'))}


def client_cut(rng):
    return {'off': seconds(rng, 0, 4),
            'server': rng.choice(('up', 'up', 'cut-before', 'cut-after')),
            'options': both_options(rng)}


def link_cut(rng):
    return {'seconds': seconds(rng, 1, 12)}


def oneway_cut(rng):
    return {'to': rng.choice(('server', 'client')),
            'seconds': seconds(rng, 1, 12)}


def delay(rng):
    what = f'delay {rng.randint(1, 80)}ms {rng.randint(1, 20)}ms'
    if rng.random() < 0.7:
        what += f' loss {rng.randint(1, 5)}%'
    return {'at': rng.choice((('client',), ('server',), ('client', 'server'))),
            'what': what, 'seconds': seconds(rng, 2, 8)}


def disk_stuck(rng):
    return {'disks': some_devices(rng), 'seconds': seconds(rng, 1, 8)}


def disk_slow(rng):
    return {'disks': some_devices(rng), 'ms': rng.choice((20, 100, 400)),
            'seconds': seconds(rng, 2, 8)}


def freeze(rng):
    return {'who': rng.choice(('server', 'server', 'server', 'client')),
            'seconds': seconds(rng, 1, 10)}


def lane_loss(rng):
    return {'at': rng.choice(('client', 'server')),
            'which': [rng.randrange(8) for _ in range(rng.randint(1, 4))]}


def ack_change(rng):
    """Some at once: a stricter one has to wait for what is under way."""
    return {'changes': [f'{rng.choice(DEVICES)}={rng.choice(LEVELS)}'
                        for _ in range(rng.randint(2, 5))]}


def export_again(rng):
    return {'exports': some_devices(rng), 'seconds': seconds(rng, 0, 3)}


def detach(rng):
    return {'load': rng.choice(('ended', 'killed')),
            'server': rng.choice(('up', 'cut')),
            'module': rng.choice(('stays', 'reloaded')),
            'options': both_options(rng)}


# kind: (how often in one round, seconds that it takes at least, what it draws)
KINDS = {
    'server-cut': (4, 6, server_cut),
    'client-cut': (2, 10, client_cut),
    'link-cut': (1, 1, link_cut),
    'oneway-cut': (2, 1, oneway_cut),
    'delay': (1, 1, delay),
    'disk-stuck': (1, 1, disk_stuck),
    'disk-slow': (1, 1, disk_slow),
    'freeze': (1, 1, freeze),
    'lane-loss': (2, 1, lane_loss),
    'ack-change': (3, 1, ack_change),
    'export-again': (1, 1, export_again),
    'detach': (1, 4, detach),
}


def rounds(rng):
    """Every kind comes in each round, in an order of its own."""
    bag = [k for k, (count, _, _) in KINDS.items() for _ in range(count)]
    while True:
        rng.shuffle(bag)
        yield from bag


def draw(seed, limit):
    """The plan of a soak of so many seconds; at least as long as these."""
    rng = random.Random(seed)
    load = {'writers': rng.randint(2, 4), 'readers': rng.randint(2, 4),
            'blocks': rng.randint(6, 24), 'wide': 1000,
            'max-blocks-per-io': rng.choice((4, 16)), 'seed': seed,
            'zeroes': 5, 'flush-every': rng.choice((50, 200, 1000)),
            'fua': rng.choice((0, 1, 5))}
    plan = Plan(seed, both_options(rng), load, [])
    kinds, total = rounds(rng), 0
    while total < limit:
        kind = next(kinds)
        _, least, more = KINDS[kind]
        fault = Fault(len(plan.faults) + 1, seconds(rng, 0.2, 4), kind,
                      more(rng))
        plan.faults.append(fault)
        total += fault.gap + least + fault.args.get('seconds', 0)
    return plan


# -- as text -----------------------------------------------------------------

def text(value):
    if isinstance(value, dict):
        return '{' + ' '.join(f'{k}={text(v)}' for k, v in value.items()) + '}'
    if isinstance(value, (list, tuple)):
        return ','.join(text(v) for v in value)
    value = str(value)
    return f"'{value}'" if ' ' in value else value


def fault_text(fault):
    args = ' '.join(f'{k}={text(v)}' for k, v in fault.args.items())
    return f'{fault.number:3} after {fault.gap} s: {fault.kind} {args}'


def plan_text(plan):
    return [f'devices {text(plan.options)}', f'load {text(plan.load)}'] + \
        [fault_text(f) for f in plan.faults]
