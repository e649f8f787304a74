# What Python's huggingface_hub does with a hub: each line of standard input names one thing to do, each line of standard output
# says what came of it. The tests let it talk with their server, and with what our own client has put there.

import json
import os
import sys

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.utils import disable_progress_bars, logging

disable_progress_bars()
logging.set_verbosity_error()
api = HfApi()


def files_of(folder):
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read().hex()
    return found


def upload(repo_id, folder, private=False, revision=None, create_pr=False, repo_type="model", message=None):
    api.create_repo(repo_id, private=private, exist_ok=True, repo_type=repo_type)
    if revision:
        api.create_branch(repo_id, branch=revision, exist_ok=True, repo_type=repo_type)
    info = api.upload_folder(
        repo_id=repo_id, folder_path=folder, revision=revision, create_pr=create_pr, repo_type=repo_type,
        commit_message=message,
    )
    return {"commit": info.oid, "url": info.commit_url, "pr": info.pr_url}


def snapshot(repo_id, **options):
    return {"folder": snapshot_download(repo_id, **options), "files": files_of(snapshot_download(repo_id, **options))}


def download(repo_id, path, **options):
    return {"file": hf_hub_download(repo_id, path, **options)}


def listing(repo_id, revision=None):
    info = api.model_info(repo_id, revision=revision, files_metadata=True)
    entries = api.list_repo_tree(repo_id, recursive=True, revision=revision)
    refs = api.list_repo_refs(repo_id, include_pull_requests=True)
    return {
        "sha": info.sha,
        "private": info.private,
        "siblings": {s.rfilename: [s.size, s.lfs.sha256 if s.lfs else None] for s in info.siblings},
        "tree": {e.path: [e.size, e.lfs.sha256 if e.lfs else None] for e in entries if hasattr(e, "blob_id")},
        "paths": [e.path for e in api.get_paths_info(repo_id, ["config.json", "nothing.txt"], revision=revision)],
        "branches": [b.name for b in refs.branches],
        "requests": [r.ref for r in refs.pull_requests or []],
        "me": api.whoami()["name"],
    }


DOES = {"upload": upload, "snapshot": snapshot, "download": download, "listing": listing}

for line in sys.stdin:
    asked = json.loads(line)
    try:
        result = DOES[asked.pop("do")](**asked)
    except (GatedRepoError, RepositoryNotFoundError, LocalEntryNotFoundError, HfHubHTTPError) as error:
        result = {"error": type(error).__name__, "text": str(error)}
    except Exception as error:
        result = {"error": type(error).__name__, "text": repr(error)}
    print(json.dumps(result), flush=True)
