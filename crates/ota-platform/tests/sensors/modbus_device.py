"""A Modbus/TCP device: `modbus_device.py PORT`. Lines on standard input set its values: `TABLE NUMBER VALUE`.

Each table has the numbers 0 to 99; `slow SECONDS` makes the device take its time.
"""

import asyncio
import sys
import time

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import ModbusTcpServer

FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
delay = 0.0


class Slow(ModbusSequentialDataBlock):
    def getValues(self, address, count=1):
        time.sleep(delay)
        return super().getValues(address, count)


def table():
    return Slow(0, [0] * 100)


async def main():
    global delay
    unit = ModbusSlaveContext(di=table(), co=table(), hr=table(), ir=table(), zero_mode=True)
    context = ModbusServerContext(slaves={7: unit}, single=False)
    server = ModbusTcpServer(context, address=("127.0.0.1", int(sys.argv[1])), allow_reuse_address=True)
    asyncio.create_task(server.serve_forever())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        if line[0] == "slow":
            delay = float(line[1])
        else:
            unit.setValues(FUNCTIONS[line[0]], int(line[1]), [int(line[2])])


asyncio.run(main())
