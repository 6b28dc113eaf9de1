"""A shop's nightly job: files in, a joined file out, then the life of two tables.

Run by ``spark-submit shop.py FOLDER``; customers.csv and orders.csv lie in the folder.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

FOLDER = sys.argv[1]
spark = (
    SparkSession.builder.appName("shop")
    .config("spark.sql.warehouse.dir", f"{FOLDER}/warehouse")
    .getOrCreate()
)
customers = spark.read.csv(
    f"{FOLDER}/customers.csv", header=True, schema="customer_id INT, email STRING, country STRING"
)
orders = spark.read.csv(
    f"{FOLDER}/orders.csv", header=True, schema="order_id INT, customer_id INT, amount DOUBLE"
)
clean = orders.join(customers, "customer_id").select(
    "order_id", f.sha2("email", 256).alias("email_hash"), "country", "amount"
)
clean.write.mode("overwrite").parquet(f"{FOLDER}/clean")

spark.sql("CREATE DATABASE gov")
spark.read.parquet(f"{FOLDER}/clean").createOrReplaceTempView("clean")
spark.sql(
    "CREATE TABLE gov.revenue USING parquet AS"
    " SELECT country, sum(amount) AS amount FROM clean GROUP BY country"
)
spark.sql("INSERT INTO gov.revenue SELECT country, amount FROM clean")
spark.sql("CREATE TABLE gov.staging USING parquet AS SELECT * FROM gov.revenue")
spark.sql("TRUNCATE TABLE gov.staging")
spark.sql("DROP TABLE gov.staging")
spark.stop()
