{{ config(materialized='table') }}
select
    c.country,
    sum(o.amount) as amount
from {{ ref('raw_orders') }} as o
join {{ ref('customers') }} as c using (customer_id)
group by c.country
