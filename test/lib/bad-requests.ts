import { run } from './run.js';

/** What an export is, for the errors that are due: `aligned` takes blocks of 4096 bytes only. */
export type ExportKind = 'writable' | 'read-only' | 'aligned';

/** Every bad request that libnbd can be talked into; the connection must live on after each. */
const SCRIPT = `
import errno, os, nbd
uri, kind = os.environ["URI"], os.environ["KIND"]
unit = 4096 if kind == "aligned" else 512

def connect(structured):
    h = nbd.NBD()
    h.set_strict_mode(0)
    h.set_request_structured_replies(structured)
    if structured:
        h.add_meta_context("base:allocation")
    h.connect_uri(uri)
    return h

def refused(h, expected, call):
    try:
        call()
    except nbd.Error as error:
        names = errno.errorcode.get(error.errnum), errno.errorcode.get(expected)
        assert error.errnum == expected, (names, error.string)
    else:
        raise AssertionError("not refused")
    h.pread(unit, 0)

def refuse_changes(h, size):
    data = bytearray(1024)
    if kind == "read-only":
        refused(h, errno.EPERM, lambda: h.pwrite(data, 0))
        refused(h, errno.EPERM, lambda: h.zero(512, 0))
        refused(h, errno.EPERM, lambda: h.trim(512, 0))
        return
    refused(h, errno.ENOSPC, lambda: h.pwrite(data, size - 512))
    refused(h, errno.ENOSPC, lambda: h.zero(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.trim(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.pwrite(data, 0, nbd.CMD_FLAG_DF))
    refused(h, errno.EINVAL, lambda: h.trim(512, 0, 1 << 9))
    refused(h, errno.EINVAL, lambda: h.trim(0, 0))

def refuse_reads(h, size, structured):
    refused(h, errno.EINVAL, lambda: h.pread(1024, size - 512))
    refused(h, errno.EINVAL, lambda: h.pread(512, size + 512))
    refused(h, errno.EINVAL, lambda: h.pread(512, 0, nbd.CMD_FLAG_REQ_ONE))
    refused(h, errno.EINVAL, lambda: h.pread(512, 0, 1 << 11))
    if h.can_cache():
        refused(h, errno.EINVAL, lambda: h.cache(1024, size - 512))
    if structured:
        assert h.can_df()
        h.pread(65536, 0, nbd.CMD_FLAG_DF)
        extents = []
        h.block_status(size, 0, lambda *call: extents.append(call), nbd.CMD_FLAG_REQ_ONE)
        assert len(extents[0][2]) == 2, extents
        refused(h, errno.EINVAL, lambda: h.block_status(size, 512, lambda *call: 0))
    else:
        assert not h.can_df()
        refused(h, errno.EINVAL, lambda: h.pread(512, 0, nbd.CMD_FLAG_DF))

def refuse_unaligned(h):
    assert h.get_block_size(nbd.SIZE_MINIMUM) == unit
    refused(h, errno.EINVAL, lambda: h.pread(512, 0))
    refused(h, errno.EINVAL, lambda: h.pwrite(bytearray(unit), 512))
    refused(h, errno.EINVAL, lambda: h.trim(unit, unit // 2))

for structured in (True, False):
    h = connect(structured)
    if kind == "aligned":
        refuse_unaligned(h)
    else:
        size = h.get_size()
        refuse_changes(h, size)
        refuse_reads(h, size, structured)
    h.shutdown()
print("all refused")
`;

/**
 * Sends an NBD server all bad requests that libnbd can send, by nbdsh, with structured replies and
 * without. Nothing on the export is changed.
 *
 * @throws Error with what it was answered when that was not the error that is due
 */
export async function expectBadRequestsRefused(uri: string, kind: ExportKind): Promise<void> {
  // The module belongs to Debian's Python, whichever other one there is.
  const env = { URI: uri, KIND: kind, PATH: '/usr/bin:/bin' };
  const { stdout } = await run('nbdsh', ['-c', SCRIPT], { env });
  if (stdout !== 'all refused\n') throw new Error(`nbdsh ended early: ${stdout}`);
}
