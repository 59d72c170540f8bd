"""Delete for good what was deleted before: look first, then do it. What something kept still refers to refuses."""

from dataclasses import dataclass, field

from registry.core.errors import InvalidInput
from registry.core.purge import ACTIVITY_DAYS, PurgeItem, PurgeKind, PurgePlan
from registry.core.times import DAY_MS
from registry.operations.upkeep.integrity import remove_orphans
from registry.operations.workspace import Workspace
from registry.store import activities
from registry.store.metadata import Connection
from registry.store.modelling import dataset_versions
from registry.store.tracking import datasets, run_code
from registry.store.upkeep import purge as rows
from registry.store.upkeep.purge import LoggedModelRow, VersionRow, Weight

NO_WEIGHT = Weight(0, 0)
DEFAULT_EXPERIMENT = 0  # where clients log that choose none


def preview(workspace: Workspace, older_than_days: float) -> PurgePlan:
    """Return what would go, and what refuses to and why. Raises InvalidInput for days that are none."""
    before_ms = _before_ms(workspace, older_than_days)
    with workspace.metadata.read() as tx:
        return PurgePlan(items=_plan(tx, before_ms, _activities_before_ms(workspace, before_ms)).items)


def purge(workspace: Workspace, older_than_days: float) -> PurgePlan:
    """Delete it, then the blobs that nothing refers to any more, but for those written within a day."""
    before_ms = _before_ms(workspace, older_than_days)
    with workspace.metadata.write() as tx:
        plan = _plan(tx, before_ms, _activities_before_ms(workspace, before_ms))
        for name, version in plan.versions:
            rows.drop_version(tx, name, version)
        for name in plan.models:
            rows.drop_model(tx, name)
        for model_id in plan.logged_models:
            rows.drop_logged_model(tx, model_id)
        for run_id in plan.runs:
            rows.drop_run(tx, run_id)
        run_code.drop_unused_snapshots(tx)
        datasets.drop_unread(tx)
        for number in plan.experiments:
            rows.drop_experiment(tx, number)
        for name, version in plan.datasets:
            dataset_versions.drop(tx, name, version)
        activities.drop_unused(tx, _activities_before_ms(workspace, before_ms))
    gone = remove_orphans(workspace)
    return PurgePlan(items=plan.items, done=True, freed_blobs=len(gone), freed_bytes=sum(one.size for one in gone))


@dataclass
class _Plan:
    items: list[PurgeItem] = field(default_factory=list)
    versions: list[tuple[str, int]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    logged_models: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    experiments: list[int] = field(default_factory=list)
    datasets: list[tuple[str, int]] = field(default_factory=list)

    def add(self, kind: PurgeKind, name: str, deleted_ms: int, weight: Weight, refused: str) -> bool:
        """Note something that was deleted, and say whether it goes."""
        item = PurgeItem(
            kind=kind, name=name, deleted_ms=deleted_ms, files=weight.files, bytes=weight.bytes, refused=refused
        )
        self.items.append(item)
        return not refused


def _plan(tx: Connection, before_ms: int, activities_before_ms: int) -> _Plan:
    plan = _Plan()
    kept = _plan_models(tx, plan, before_ms)
    _plan_runs(tx, plan, before_ms, kept)
    gone = {*plan.runs, *plan.logged_models}
    for number, deleted_ms in rows.deleted_experiments(tx, before_ms).items():
        stays = len(rows.members_of(tx, number) - gone)
        why = f"{stays} of its runs and logged models stay" if stays else ""
        why = "clients log to it that choose none" if number == DEFAULT_EXPERIMENT else why
        if plan.add(PurgeKind.EXPERIMENT, str(number), deleted_ms, NO_WEIGHT, why):
            plan.experiments.append(number)
    for name, version, deleted_ms, files in dataset_versions.deleted(tx, before_ms):
        weight = Weight(len(files), sum(file.size for file in files))
        plan.add(PurgeKind.DATASET, f"{name}:{version}", deleted_ms, weight, "")
        plan.datasets.append((name, version))
    if ended := activities.count_unused(tx, activities_before_ms):
        name = f"{ended:,} that ended long ago"
        plan.add(PurgeKind.ACTIVITIES, name, activities_before_ms, NO_WEIGHT, "")
    return plan


def _plan_models(tx: Connection, plan: _Plan, before_ms: int) -> list[VersionRow]:
    """Plan versions and models; return the versions that stay."""
    kept = []
    for row in rows.all_versions(tx):
        if row.deleted_ms is None or row.deleted_ms > before_ms:
            kept.append(row)
            continue
        weight = rows.weight_of_version(tx, row.name, row.version)
        plan.add(PurgeKind.VERSION, f"{row.name}:{row.version}", row.deleted_ms, weight, "")
        plan.versions.append((row.name, row.version))
    for name, deleted_ms in rows.deleted_models(tx, before_ms).items():
        stay = [row.version for row in kept if row.name == name]
        why = f"its versions {', '.join(map(str, stay))} stay" if stay else ""
        if plan.add(PurgeKind.MODEL, name, deleted_ms, NO_WEIGHT, why):
            plan.models.append(name)
    return kept


def _plan_runs(tx: Connection, plan: _Plan, before_ms: int, kept: list[VersionRow]) -> None:
    """Plan runs and logged models. A run takes those along that it made, or stays because of one that must."""
    models = rows.all_logged_models(tx)
    kept_models = {one.id: "it was deleted later" for one in models if (one.deleted_ms or 0) > before_ms}
    kept_models |= {row.logged_model_id: _came_from_it(row) for row in kept if row.logged_model_id}
    kept_runs = {
        one.source_run_id: f"its logged model {one.id} stays: {kept_models[one.id]}"
        for one in models
        if one.id in kept_models
    } | {row.run_id: _came_from_it(row) for row in kept}
    deleted = rows.deleted_runs(tx, before_ms)
    going = {run_id: deleted_ms for run_id, deleted_ms in deleted.items() if run_id not in kept_runs}
    experiments = rows.deleted_experiments(tx, before_ms)
    for one in models:
        deleted_ms = _goes_since(one, going, experiments)
        if deleted_ms is None or deleted_ms > before_ms:
            continue
        weight = rows.weight_of_owner(tx, one.id)
        if plan.add(PurgeKind.LOGGED_MODEL, one.id, deleted_ms, weight, kept_models.get(one.id, "")):
            plan.logged_models.append(one.id)
    for run_id, deleted_ms in deleted.items():
        if plan.add(PurgeKind.RUN, run_id, deleted_ms, rows.weight_of_owner(tx, run_id), kept_runs.get(run_id, "")):
            plan.runs.append(run_id)


def _goes_since(one: LoggedModelRow, runs: dict[str, int], experiments: dict[int, int]) -> int | None:
    """Return when a logged model was deleted: itself, with the run that made it, or, made by none, its experiment."""
    if one.deleted_ms is not None:
        return one.deleted_ms
    return experiments.get(one.experiment_id) if one.source_run_id is None else runs.get(one.source_run_id)


def _came_from_it(row: VersionRow) -> str:
    what = f"model {row.name}:{row.version} came from it"
    if row.deleted_ms is not None:
        return f"{what} and was deleted later"
    return f"{what}: `slipway model delete {row.name} {row.version}` first"


def _activities_before_ms(workspace: Workspace, before_ms: int) -> int:
    return min(before_ms, workspace.now_ms() - ACTIVITY_DAYS * DAY_MS)


def _before_ms(workspace: Workspace, older_than_days: float) -> int:
    if not 0 <= older_than_days < 36_500:  # NaN is neither
        raise InvalidInput(f"{older_than_days} is not a number of days", value=str(older_than_days))
    return workspace.now_ms() - int(older_than_days * DAY_MS)
