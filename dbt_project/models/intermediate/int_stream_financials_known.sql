with

stream_financials as (

    select * from {{ ref('stg_feeds__stream_financials') }}

),

final as (

    select * from stream_financials

    where month_start <= cast({{ as_of() }} as date)

)

select * from final
