"""The registry's contribution to the command, all on one screen."""

from registry.cli import datasets, processes
from registry.cli.assembly import PROCESSES, Commands, Noun
from registry.cli.deploying import deployments, endpoint_history, endpoint_undo, endpoints, keys, plans, routes, scoring
from registry.cli.imaging import environments, image_export, image_prune, image_tags, images, trust
from registry.cli.modelling import lineage, model_card, models
from registry.cli.security import secrets, tokens
from registry.cli.tracking import run_code, run_diff, runs
from registry.cli.upkeep import integrity, purge, workspace_deletion

NOUNS = [
    Noun(
        "run",
        "What training scripts have recorded.\n\nExample: slipway run list",
        {
            "list": runs.list_runs,
            "show": runs.show,
            "diff": run_diff.diff,
            "snapshot": run_code.snapshot,
            "code": run_code.code,
            "delete": runs.delete,
            "restore": runs.restore,
        },
    ),
    Noun(
        "model",
        "Named, versioned models, produced by runs or imported.\n\nExample: slipway model list",
        {
            "register": models.register,
            "list": models.list_models,
            "show": models.show,
            "card": model_card.card,
            "import": models.import_files,
            "alias": models.alias,
            "made-from": lineage.made_from,
            "history": models.history,
            "delete": models.delete,
            "restore": models.restore,
        },
    ),
    Noun(
        "dataset",
        "Named, numbered sets of files that never change.\n\nExample: slipway dataset list",
        {
            "create": datasets.create,
            "list": datasets.list_datasets,
            "show": datasets.show,
            "download": datasets.download,
            "delete": datasets.delete,
            "restore": datasets.restore,
        },
    ),
    Noun(
        "image",
        "Freeze model, scoring script and dependencies.\n\nExample: slipway image list",
        {
            "build": images.build,
            "list": images.list_images,
            "show": images.show,
            "tag": image_tags.tag,
            "untag": image_tags.untag,
            "label": image_tags.label,
            "history": image_tags.history,
            "diff": image_tags.diff,
            "sign": trust.sign,
            "verify": trust.verify,
            "prune": image_prune.prune,
            "export": image_export.export,
        },
    ),
    Noun(
        "environment",
        "Curated dependencies that images take by name.\n\nExample: slipway environment list",
        {"list": environments.list_environments, "show": environments.show},
    ),
    Noun(
        "endpoint",
        "Stable addresses with keys and a traffic split.\n\nExample: slipway endpoint show cancer",
        {
            "plan": plans.plan_endpoint,
            "create": endpoints.create,
            "update": endpoints.update,
            "list": endpoints.list_endpoints,
            "show": endpoints.show,
            "history": endpoint_history.history,
            "undo": endpoint_undo.undo,
            "delete": endpoints.delete,
            "route": routes.route,
            "regenerate-key": keys.regenerate_key,
            "create-key": keys.create_key,
            "change-key": keys.change_key,
            "delete-key": keys.delete_key,
            "get-credentials": keys.get_credentials,
            "rotate-token-key": keys.rotate_token_key,
        },
    ),
    Noun(
        "deployment",
        "Images with settings behind an endpoint.\n\nExample: slipway deployment list cancer",
        {
            "plan": plans.plan_deployment,
            "create": deployments.create,
            "update": deployments.update,
            "list": deployments.list_deployments,
            "show": deployments.show,
            "delete": deployments.delete,
        },
    ),
    Noun(
        "secret",
        "Values that are used and never shown.\n\nExample: slipway secret list",
        {"set": secrets.set_secret, "list": secrets.list_secrets, "delete": secrets.delete},
    ),
    Noun(
        "trust",
        "Whose signatures of images count.\n\nExample: slipway trust list",
        {
            "list": trust.list_keys,
            "add": trust.add,
            "remove": trust.remove,
            "rotate": trust.rotate,
            "policy": trust.policy,
        },
    ),
    Noun(
        "token",
        "Who may call the registry, in which role.\n\nExample: slipway token list",
        {
            "create": tokens.create,
            "list": tokens.list_tokens,
            "revoke": tokens.revoke,
        },
    ),
    Noun(
        "workspace",
        "All of it at once.\n\nExample: slipway workspace delete",
        {"delete": workspace_deletion.delete},
    ),
]


def contribute(commands: Commands) -> None:
    """Add the nouns of the workspace, and the registry's own process."""
    commands.process("registry", processes.registry, PROCESSES).command("verify")(integrity.verify)
    commands.app.command()(scoring.score)
    commands.app.command()(purge.purge)
    commands.app.command()(tokens.audit)
    for noun in NOUNS:
        commands.add(noun)
