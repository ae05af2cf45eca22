# SPDX-License-Identifier: GPL-2.0-only
"""A write does not end before the server's TCP has all of its data, whatever
the server answers: its pages are sent by reference, and who wrote them may do
what he likes with them once it has ended.

A server of our own (vm/helpers/liar.c) answers as soon as it has the header of
a write, with success or an error, while most of the data is still in the
client's socket. That costs it the connection, and the write is sent again on
the next one. There the server just keeps still: the write waits. When it reads
on, the write ends well, with its data.
"""

from lib import (dst_attach, dst_status, logged, null_blk, pause, peek,
                 wait_until)

UUID = '0b5e3a52-94f1-4c6e-9d4f-6f1f0c7a2b11'
KB = 1024
OK, IOERR = 0, 1
# bytes of the write, what is read of it before the answer, the answer.
# 64 KiB are in the socket as a whole, of 1 MiB some still have to get there.
LIES = ((64 * KB, 0, OK), (64 * KB, 0, IOERR), (1024 * KB, 0, OK),
        (1024 * KB, 512 * KB, OK), (1024 * KB, 0, IOERR))


class Liar:
    """The server that lies; what it says, a line at a time."""

    def __init__(self, host, disk):
        self.job = host.spawn(f'exec liar {disk} {UUID} hold', stdin=True)
        self.heard = 0

    def says(self, what):
        """Await it saying so, and nothing else."""
        wait_until(lambda: len(self.lines()) > self.heard or self.job.done(),
                   30, f'the server says {what}')
        lines = self.lines()[self.heard:]
        assert lines and lines[0].split()[0] == what, \
            f'{what}? {lines} {self.job.err}'
        self.heard += 1

    def lines(self):
        return self.job.out.split('\n')[:-1]

    def said(self, what):
        return any(line.split()[0] == what
                   for line in self.lines()[self.heard:])

    def told(self, *words):
        self.job.send(' '.join(map(str, words)) + '\n')


def unacked(client, server):
    """Bytes in the client's socket that the server's TCP has not got."""
    rows = client.sh(f'ss -Htn state established dst {server.ip} '
                     'dport = 4490').splitlines()
    return sum(int(row.split()[1]) for row in rows)


def run(rig):
    client, server = rig.client, rig.server

    disk = null_blk(server, 'ram0', mb=16)
    liar = Liar(server, disk)
    liar.says('listening')
    # one lane, so that all is said on one connection; and time enough
    dev = dst_attach(client, f'{server.ip}/e', '--lanes', '1', '--ack',
                     'server', '--keepalive', '60s', '--io-timeout', '120s')
    liar.says('hello')

    resets = 0
    for number, (size, read, answer) in enumerate(LIES):
        what = f'{size} bytes, answered {answer} after {read}'
        byte = chr(0x41 + number)
        write = client.spawn(
            f'head -c {size} /dev/zero | tr "\\000" {byte} | exec dd of={dev} '
            f'bs={size} iflag=fullblock oflag=direct status=none')
        liar.says('holding')
        if read:
            liar.told('read', read)
            liar.says('read')
        wait_until(lambda: unacked(client, server), 10, 'data is not acked')
        liar.told('answer', answer)
        liar.says('answered')
        # nothing reads meanwhile, so what is unacked stays so
        wait_until(lambda: write.done() or liar.said('closed'), 30, what)
        assert not write.done(), \
            f'{what}: the write ended ({write.wait().rc}) with ' \
            f'{unacked(client, server)} bytes in the socket'
        liar.says('closed')
        resets += 1
        # it is not let in yet, so the device has time to say why
        liar.says('hello')
        wait_until(lambda: 'the server broke the protocol' in
                   dst_status(client, dev)['why'], 10, 'why it is held')
        assert not write.done(), f'{what}: ended without a connection'

        liar.told('welcome')
        liar.says('holding')
        wait_until(lambda: unacked(client, server), 10, 'data is not acked')
        pause(client, 1)
        assert not write.done(), f'{what}: ended without an answer'
        assert unacked(client, server), what
        liar.told('serve')
        write.wait(30, check=True)
        assert peek(server, disk, 0, size) == byte.encode() * size, what

    assert logged(client, 'the server broke the protocol')
    status = dst_status(client, dev)
    assert status['state'] == 'online', status
    assert status['counters']['reconnects'] == resets, status
    assert status['counters']['resends'] == resets, status
    assert status['counters']['errors'] == 0, status
