"""scikit-learn's grid search over joblib's multiprocessing backend."""

import json
import time

from joblib import parallel_backend
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV


def main() -> None:
    data, target = load_digits(return_X_y=True)
    grid = {"max_depth": [4, 8, 16], "n_estimators": [5, 10, 20]}
    search = GridSearchCV(RandomForestClassifier(random_state=0), grid, cv=5, n_jobs=2)
    start = time.perf_counter()
    with parallel_backend("multiprocessing"):
        search.fit(data, target)
    seconds = time.perf_counter() - start
    scores = [round(score, 9) for score in search.cv_results_["mean_test_score"]]
    print(json.dumps({"seconds": seconds, "result": [search.best_params_, scores]}))


if __name__ == "__main__":
    main()
