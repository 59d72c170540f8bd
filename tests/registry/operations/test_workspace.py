import asyncio
import threading

from registry.operations.workspace import ChangeSignal, new_key


def test_a_change_between_ticket_and_wait_is_not_missed() -> None:
    signal = ChangeSignal()
    ticket = signal.ticket()
    signal.notify()
    asyncio.run(signal.wait(ticket, timeout_s=60))


def test_a_waiter_is_woken_from_another_thread() -> None:
    signal = ChangeSignal()

    async def follow() -> None:
        waiters = [asyncio.create_task(signal.wait(signal.ticket(), timeout_s=60)) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=signal.notify).start()
        await asyncio.gather(*waiters)

    asyncio.run(follow())


def test_a_wait_ends_with_its_time() -> None:
    signal = ChangeSignal()
    asyncio.run(signal.wait(signal.ticket(), timeout_s=0.001))


def test_a_closed_signal_lets_nobody_wait() -> None:
    signal = ChangeSignal()

    async def follow() -> None:
        waiting = asyncio.create_task(signal.wait(signal.ticket(), timeout_s=60))
        await asyncio.sleep(0)
        signal.close()
        await waiting
        await signal.wait(signal.ticket(), timeout_s=60)

    asyncio.run(follow())
    assert signal.closed


def test_keys_are_43_url_safe_characters() -> None:
    assert len(new_key()) == 43
    assert new_key() != new_key()
