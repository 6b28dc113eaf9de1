select country, sum(amount) as amount
from {{ source('spark', 'clean') }}
group by country
